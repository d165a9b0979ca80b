package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/client/callopt"
	"github.com/cloudwego/kitex/pkg/consts"
	"github.com/cloudwego/kitex/pkg/kerrors"
	headerservice "suite/header/header"
	"suite/suite/second"
)

// headerCases are what only Kitex's header carries.
var headerCases = map[string]func(*session) error{
	"headers":      headers,
	"many-headers": manyHeaders,
	"names":        names,
	"two-services": twoServices,
	"status":       status,
	"deadline":     deadline,
}

// exchange sends headers for one call and for all that follow from it, and gets the
// answer's, which are of one kind.
func exchange(s *session, once, always, reply map[string]string) error {
	ctx := metainfo.WithBackwardValues(ctx)
	call := map[string]string{}
	for key, value := range once {
		ctx = metainfo.WithValue(ctx, key, value)
		call[key] = value
	}
	for key, value := range always {
		ctx = metainfo.WithPersistentValue(ctx, key, value)
		call[key] = value
	}
	got, err := s.conn.Headers(ctx, reply)
	if err := returned(call)(got, err); err != nil {
		return err
	}
	back := metainfo.RecvAllBackwardValues(ctx)
	for key, value := range reply {
		if err := equal(back[key], value); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

func headers(s *session) error {
	none := map[string]string{}
	for range 2 {
		err := errors.Join(
			exchange(s,
				map[string]string{"plain": "a value", "naïve 漢字": "🦀"},
				map[string]string{"long": strings.Repeat("x", 5000), "control": "a\x00b\r\n"},
				map[string]string{"answer": "other", "again": strings.Repeat("y", 300)},
			),
			exchange(s, none, none, none),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func manyHeaders(s *session) error {
	many := map[string]string{}
	for i := range 500 {
		many[fmt.Sprintf("key-%d", i)] = strings.Repeat(fmt.Sprint(i), i%50+1)
	}
	return exchange(s, many, nil, many)
}

// names are those of the two services and methods, and the call's timeout.
func names(s *session) error {
	client, err := another(s.conn, headerservice.NewClient)
	if err != nil {
		return err
	}
	from := context.WithValue(ctx, consts.CtxKeyMethod, "outer")
	got, err := client.Seen(from, callopt.WithRPCTimeout(1234*time.Millisecond))
	return returned(map[string]string{
		"from_service": caller,
		"from_method":  "outer",
		"service":      "Header",
		"method":       "seen",
		"transport":    s.form.Transport.String(),
		"timeout_ms":   "1234",
	})(got, err)
}

// twoServices have a method of the same name.
func twoServices(s *session) error {
	other, err := another(s.conn, second.NewClient)
	if err != nil {
		return err
	}
	for range 3 {
		got, err := s.conn.Name(ctx)
		if err := returned("kitex")(got, err); err != nil {
			return err
		}
		got, err = other.Name(ctx)
		if err := returned("second")(got, err); err != nil {
			return err
		}
	}
	return nil
}

// status is a failure that is an answer, not an exception.
func status(s *session) error {
	client, err := another(s.conn, headerservice.NewClient)
	if err != nil {
		return err
	}
	for _, code := range []int32{1, -7, 404} {
		_, err := client.Decline(ctx, code)
		status, ok := kerrors.FromBizStatusError(err)
		if !ok {
			return fmt.Errorf("got %v, want a status", err)
		}
		err = errors.Join(
			equal(status.BizStatusCode(), code),
			equal(status.BizMessage(), "declined: naïve 漢字"),
			equal(status.BizExtra(), map[string]string{"reason": "🦀", "code": fmt.Sprint(code)}),
		)
		if err != nil {
			return err
		}
	}
	return s.conn.Ping(ctx)
}

// deadline comes at the client and at the server; who is first, fails the call.
func deadline(s *session) error {
	client, err := another(s.conn, headerservice.NewClient)
	if err != nil {
		return err
	}
	key := rand.Text()
	started := time.Now()
	err = client.Expire(ctx, key, callopt.WithRPCTimeout(300*time.Millisecond))
	if took := time.Since(started); err == nil || took < 250*time.Millisecond || took > 4*time.Second {
		return fmt.Errorf("got %v after %v, want a timeout", err, took)
	}
	time.Sleep(100 * time.Millisecond)
	got, err := client.Expired(ctx, key)
	if err := returned(int32(1))(got, err); err != nil {
		return err
	}
	return s.conn.Ping(ctx)
}
