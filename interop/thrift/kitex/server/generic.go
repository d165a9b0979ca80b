package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudwego/kitex/pkg/generic"
	"github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/server/genericserver"
)

// registerGeneric serves the IDL's methods; requests and answers are maps.
func registerGeneric(s server.Server, idl string) error {
	provider, err := generic.NewThriftFileProvider(idl)
	if err != nil {
		return err
	}
	thrift, err := generic.MapThriftGeneric(provider)
	if err != nil {
		return err
	}
	notified := newCounter()
	handler := &generic.ServiceV2{
		GenericCall: func(_ context.Context, _, method string, v any) (any, error) {
			switch {
			case strings.HasPrefix(method, "echo"):
				return v, nil
			case method == "slow":
				time.Sleep(time.Duration(v.(int32)) * time.Millisecond)
				return v, nil
			case method == "notify":
				notified.add(v.(string))
				return nil, nil
			case method == "notified":
				return notified.get(v.(string)), nil
			}
			return nil, fmt.Errorf("no method %s", method)
		},
	}
	return genericserver.RegisterService(s, handler, thrift)
}
