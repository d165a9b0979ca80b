package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
)

func withHeaders(headers map[string]string) context.Context {
	ctx := thrift.SetWriteHeaderList(ctx, slices.Collect(maps.Keys(headers)))
	for key, value := range headers {
		ctx = thrift.SetHeader(ctx, key, value)
	}
	return ctx
}

func exchange(s *session, call, reply map[string]string) error {
	got, err := s.conn.Headers(withHeaders(call), reply)
	return errors.Join(
		returned(call)(got, err),
		equal(map[string]string(s.conn.LastResponseMeta_().Headers), reply),
	)
}

// headers of the call reach the handler, and its own come back: with this call only.
func headers(s *session) error {
	call := map[string]string{
		"plain": "a value", "empty": "", "naïve 漢字": "🦀", "long": strings.Repeat("x", 5000),
	}
	reply := map[string]string{"answer": "other", "again": strings.Repeat("y", 300), "": "nameless"}
	none := map[string]string{}
	for range 2 {
		if err := errors.Join(exchange(s, call, reply), exchange(s, none, none)); err != nil {
			return err
		}
	}
	return nil
}

func manyHeaders(s *session) error {
	call := map[string]string{}
	for i := range 200 {
		call[fmt.Sprintf("key-%d", i)] = strings.Repeat(fmt.Sprint(i), i%50)
	}
	return exchange(s, call, call)
}
