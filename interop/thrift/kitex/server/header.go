package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
)

type headerHandler struct {
	expired *counter
}

func (*headerHandler) Seen(ctx context.Context) (map[string]string, error) {
	info := rpcinfo.GetRPCInfo(ctx)
	seen := map[string]string{
		"from_service": info.From().ServiceName(),
		"from_method":  info.From().Method(),
		"service":      info.Invocation().ServiceName(),
		"method":       info.To().Method(),
		"transport":    info.Config().TransportProtocol().String(),
	}
	if timeout := info.Config().RPCTimeout(); timeout > 0 {
		seen["timeout_ms"] = fmt.Sprint(timeout.Milliseconds())
	}
	return seen, nil
}

func (*headerHandler) Decline(_ context.Context, code int32) (string, error) {
	return "", kerrors.NewBizStatusErrorWithExtra(code, "declined: naïve 漢字", map[string]string{
		"reason": "🦀",
		"code":   fmt.Sprint(code),
	})
}

func (h *headerHandler) Expire(ctx context.Context, key string) error {
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("the call has no deadline")
	}
	select {
	case <-ctx.Done():
		h.expired.add(key)
		return ctx.Err()
	case <-time.After(5 * time.Second):
		return errors.New("the deadline is too far")
	}
}

func (h *headerHandler) Expired(_ context.Context, key string) (int32, error) {
	return h.expired.get(key), nil
}
