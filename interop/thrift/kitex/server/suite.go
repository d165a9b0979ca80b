package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"suite/suite"
)

type suiteHandler struct {
	notified *counter
}

func (*suiteHandler) Ping(context.Context) error           { return nil }
func (*suiteHandler) Name(context.Context) (string, error) { return "kitex", nil }

func (*suiteHandler) EchoBool(_ context.Context, v bool) (bool, error)         { return v, nil }
func (*suiteHandler) EchoI8(_ context.Context, v int8) (int8, error)           { return v, nil }
func (*suiteHandler) EchoI16(_ context.Context, v int16) (int16, error)        { return v, nil }
func (*suiteHandler) EchoI32(_ context.Context, v int32) (int32, error)        { return v, nil }
func (*suiteHandler) EchoI64(_ context.Context, v int64) (int64, error)        { return v, nil }
func (*suiteHandler) EchoDouble(_ context.Context, v float64) (float64, error) { return v, nil }
func (*suiteHandler) EchoString(_ context.Context, v string) (string, error)   { return v, nil }
func (*suiteHandler) EchoBinary(_ context.Context, v []byte) ([]byte, error)   { return v, nil }

func (*suiteHandler) EchoColour(_ context.Context, v suite.Colour) (suite.Colour, error) {
	return v, nil
}

func (*suiteHandler) EchoScalars(_ context.Context, v *suite.Scalars) (*suite.Scalars, error) {
	return v, nil
}

func (*suiteHandler) EchoOptionals(_ context.Context, v *suite.Optionals) (*suite.Optionals, error) {
	return v, nil
}

func (*suiteHandler) EchoChoice(_ context.Context, v *suite.Choice) (*suite.Choice, error) {
	return v, nil
}

func (*suiteHandler) EchoContainers(_ context.Context, v *suite.Containers) (*suite.Containers, error) {
	return v, nil
}

func (*suiteHandler) EchoDeep(_ context.Context, v *suite.Deep) (*suite.Deep, error) {
	return v, nil
}

func (*suiteHandler) Scalars(context.Context) (*suite.Scalars, error) {
	return suite.SCALARS, nil
}

func (*suiteHandler) Containers(context.Context) (*suite.Containers, error) {
	return suite.CONTAINERS, nil
}

func (*suiteHandler) Join(_ context.Context, a int32, b string, c []int64) (string, error) {
	var sum int64
	for _, v := range c {
		sum += v
	}
	return fmt.Sprintf("%d %s %d", a, b, sum), nil
}

func (*suiteHandler) Slow(_ context.Context, ms int32) (int32, error) {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return ms, nil
}

func refused(code int32) *suite.Refused {
	return &suite.Refused{
		Code:   code,
		Reason: fmt.Sprintf("refused: %d", code),
		Hints:  []bool{true, false, true},
	}
}

func (*suiteHandler) Refuse(_ context.Context, code int32) error {
	return refused(code)
}

func (*suiteHandler) Fail(context.Context) error {
	return errors.New("as asked")
}

func (h *suiteHandler) Notify(_ context.Context, key string) error {
	h.notified.add(key)
	return nil
}

func (h *suiteHandler) Notified(_ context.Context, key string) (int32, error) {
	return h.notified.get(key), nil
}

// Headers takes the call's values of both kinds, those for one call and those for
// all that follow from it.
func (*suiteHandler) Headers(ctx context.Context, reply map[string]string) (map[string]string, error) {
	metainfo.SendBackwardValuesFromMap(ctx, reply)
	values := metainfo.GetAllPersistentValues(ctx)
	if values == nil {
		values = map[string]string{}
	}
	for key, value := range metainfo.GetAllValues(ctx) {
		values[key] = value
	}
	return values, nil
}

type secondHandler struct{}

func (*secondHandler) Name(context.Context) (string, error) { return "second", nil }

// counter counts by key.
type counter struct {
	mu     sync.Mutex
	counts map[string]int32
}

func newCounter() *counter {
	return &counter{counts: map[string]int32{}}
}

func (c *counter) add(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[key]++
}

func (c *counter) get(key string) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[key]
}
