// Command server serves the suite; it prints `ready` when it listens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"interop/untyped"
	"interop/wire"
	"suite"
)

func main() {
	form := wire.Flags()
	name := flag.String("name", "go", "what it calls itself")
	flag.Parse()

	handler := &handler{name: *name, notified: map[string]int32{}}
	processor := thrift.NewTMultiplexedProcessor()
	services := suite.NewSuiteProcessor(handler)
	services.AddToProcessorMap(untyped.Method, echoUntyped{})
	processor.RegisterDefault(services)
	processor.RegisterProcessor("Suite", services)
	processor.RegisterProcessor("Second", suite.NewSecondProcessor(second{}))

	socket, err := form.ServerSocket()
	if err != nil {
		log.Fatal(err)
	}
	if err := socket.Listen(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	server := thrift.NewTSimpleServer4(processor, socket, form.Transports(), form.Protocols())
	log.Fatal(server.Serve())
}

type handler struct {
	name     string
	mu       sync.Mutex
	notified map[string]int32
}

func (*handler) Ping(context.Context) error             { return nil }
func (h *handler) Name(context.Context) (string, error) { return h.name, nil }

func (*handler) EchoBool(_ context.Context, v bool) (bool, error)         { return v, nil }
func (*handler) EchoI8(_ context.Context, v int8) (int8, error)           { return v, nil }
func (*handler) EchoI16(_ context.Context, v int16) (int16, error)        { return v, nil }
func (*handler) EchoI32(_ context.Context, v int32) (int32, error)        { return v, nil }
func (*handler) EchoI64(_ context.Context, v int64) (int64, error)        { return v, nil }
func (*handler) EchoDouble(_ context.Context, v float64) (float64, error) { return v, nil }
func (*handler) EchoString(_ context.Context, v string) (string, error)   { return v, nil }
func (*handler) EchoBinary(_ context.Context, v []byte) ([]byte, error)   { return v, nil }

func (*handler) EchoColour(_ context.Context, v suite.Colour) (suite.Colour, error) {
	return v, nil
}

func (*handler) EchoScalars(_ context.Context, v *suite.Scalars) (*suite.Scalars, error) {
	return v, nil
}

func (*handler) EchoOptionals(_ context.Context, v *suite.Optionals) (*suite.Optionals, error) {
	return v, nil
}

func (*handler) EchoChoice(_ context.Context, v *suite.Choice) (*suite.Choice, error) {
	return v, nil
}

func (*handler) EchoContainers(_ context.Context, v *suite.Containers) (*suite.Containers, error) {
	return v, nil
}

func (*handler) EchoDeep(_ context.Context, v *suite.Deep) (*suite.Deep, error) {
	return v, nil
}

func (*handler) Scalars(context.Context) (*suite.Scalars, error) {
	return suite.SCALARS, nil
}

func (*handler) Containers(context.Context) (*suite.Containers, error) {
	return suite.CONTAINERS, nil
}

func (*handler) Join(_ context.Context, a int32, b string, c []int64) (string, error) {
	var sum int64
	for _, v := range c {
		sum += v
	}
	return fmt.Sprintf("%d %s %d", a, b, sum), nil
}

func (*handler) Slow(_ context.Context, ms int32) (int32, error) {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return ms, nil
}

func (*handler) Refuse(_ context.Context, code int32) error {
	return &suite.Refused{
		Code:   code,
		Reason: fmt.Sprintf("refused: %d", code),
		Hints:  []bool{true, false, true},
	}
}

func (*handler) Fail(context.Context) error {
	return errors.New("as asked")
}

func (h *handler) Notify(_ context.Context, key string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notified[key]++
	return nil
}

func (h *handler) Notified(_ context.Context, key string) (int32, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.notified[key], nil
}

func (*handler) Headers(ctx context.Context, reply map[string]string) (map[string]string, error) {
	if helper, ok := thrift.GetResponseHelper(ctx); ok {
		// They would stay for all answers on this connection.
		helper.ClearHeaders()
		for key, value := range reply {
			helper.SetHeader(key, value)
		}
	}
	headers := map[string]string{}
	for _, key := range thrift.GetReadHeaderList(ctx) {
		headers[key], _ = thrift.GetHeader(ctx, key)
	}
	return headers, nil
}

// echoUntyped is the processor of a method that no generated code knows.
type echoUntyped struct{}

func (echoUntyped) Process(ctx context.Context, id int32, in, out thrift.TProtocol) (bool, thrift.TException) {
	var value untyped.Struct
	err := errors.Join(value.Read(ctx, in), in.ReadMessageEnd(ctx))
	if err != nil || len(value) != 1 {
		return false, thrift.WrapTException(fmt.Errorf("%d arguments: %w", len(value), err))
	}
	value[0].ID = 0
	err = errors.Join(
		out.WriteMessageBegin(ctx, untyped.Method, thrift.REPLY, id),
		value.Write(ctx, out),
		out.WriteMessageEnd(ctx),
		out.Flush(ctx),
	)
	return err == nil, thrift.WrapTException(err)
}

type second struct{}

func (second) Name(context.Context) (string, error) { return "second", nil }
