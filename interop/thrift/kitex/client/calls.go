package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloudwego/kitex/pkg/remote"
	"suite/suite"
	"suite/suite/later"
)

// callCases are the kinds of calls and of answers.
var callCases = map[string]func(*session) error{
	"exception":            exception,
	"undeclared-exception": undeclaredException,
	"unknown-method":       unknownMethod,
	"oneway":               oneway,
	"oneway-burst":         onewayBurst,
	"oneway-then-idle":     onewayThenIdle,
	"oneway-alone":         onewayAlone,
	"slow":                 slow,
	"successive":           successive,
	// A call that no server lives long enough to answer.
	"failing": func(s *session) error {
		_, err := s.conn.Slow(ctx, 10_000)
		return applicationException(err, remote.InternalError)
	},
}

func applicationException(err error, kinds ...int32) error {
	var exception *remote.TransError
	if !errors.As(err, &exception) {
		return fmt.Errorf("got %v, want an application exception", err)
	}
	for _, kind := range kinds {
		if exception.TypeID() == kind {
			return nil
		}
	}
	return fmt.Errorf("got %v of type %d, want type %d", exception, exception.TypeID(), kinds)
}

func exception(s *session) error {
	for _, code := range []int32{0, -5} {
		var refused *suite.Refused
		if err := s.conn.Refuse(ctx, code); !errors.As(err, &refused) {
			return fmt.Errorf("got %v, want Refused", err)
		}
		want := &suite.Refused{
			Code:   code,
			Reason: fmt.Sprintf("refused: %d", code),
			Hints:  []bool{true, false, true},
		}
		if err := equal(refused, want); err != nil {
			return err
		}
	}
	return s.conn.Ping(ctx)
}

func undeclaredException(s *session) error {
	if err := applicationException(s.conn.Fail(ctx), remote.InternalError); err != nil {
		return err
	}
	return s.conn.Ping(ctx)
}

// unknownMethod calls what only the client knows. A Kitex server looks for a service
// that knows it.
func unknownMethod(s *session) error {
	client, err := another(s.conn, later.NewClient)
	if err != nil {
		return err
	}
	_, err = client.AddedLater(ctx, 1)
	if err := applicationException(err, remote.UnknownMethod, remote.UnknownService); err != nil {
		return err
	}
	return s.conn.Ping(ctx)
}

func awaitNotified(s *session, key string, count int32) error {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if got, err := s.conn.Notified(ctx, key); err != nil || got >= count {
			return returned(count)(got, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("the oneway calls did not arrive")
}

func oneway(s *session) error {
	key := rand.Text()
	if err := s.conn.Notify(ctx, key); err != nil {
		return err
	}
	if err := s.conn.Ping(ctx); err != nil {
		return err
	}
	return awaitNotified(s, key, 1)
}

func onewayBurst(s *session) error {
	key := rand.Text()
	for i := range int32(20) {
		if err := s.conn.Notify(ctx, key); err != nil {
			return err
		}
		if err := echo(s.conn.EchoI32, i); err != nil {
			return err
		}
	}
	return awaitNotified(s, key, 20)
}

// onewayThenIdle calls, waits longer than the proxy's request timeout, and calls again.
func onewayThenIdle(s *session) error {
	if err := s.conn.Notify(ctx, "idle"); err != nil {
		return err
	}
	if err := echo(s.conn.EchoI32, 1); err != nil {
		return err
	}
	time.Sleep(2500 * time.Millisecond)
	return echo(s.conn.EchoI32, 2, 3)
}

// onewayAlone waits longer than the proxy's request timeout with nothing else in flight.
func onewayAlone(s *session) error {
	if err := s.conn.Notify(ctx, "alone"); err != nil {
		return err
	}
	time.Sleep(2500 * time.Millisecond)
	return echo(s.conn.EchoI32, 1, 2)
}

func slow(s *session) error {
	started := time.Now()
	got, err := s.conn.Slow(ctx, 100)
	if err := returned(int32(100))(got, err); err != nil {
		return err
	}
	if took := time.Since(started); took < 100*time.Millisecond {
		return fmt.Errorf("answered after %v", took)
	}
	return nil
}

func successive(s *session) error {
	for i := range int32(200) {
		text := strings.Repeat("x", int(i))
		want := fmt.Sprintf("%d %s %d", i, text, i)
		got, err := s.conn.Join(ctx, i, text, []int64{int64(i)})
		if err := returned(want)(got, err); err != nil {
			return err
		}
	}
	return nil
}
