package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/global"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/server"
	"github.com/apache/dubbo-go-hessian2/java_exception"
	big "github.com/dubbogo/gost/math/big"
)

// export serves at a port from now on.
func export(options map[string]string) error {
	port, err := strconv.Atoi(options["port"])
	if err != nil {
		return err
	}
	// Else the service of the framework's own is served at all of the machine's addresses.
	application := global.DefaultApplicationConfig()
	application.MetadataType = constant.RemoteMetadataStorageType
	srv, err := server.NewServer(
		server.SetServerApplication(application),
		server.WithServerNotRegister(),
		server.WithServerProtocol(
			protocol.WithDubbo(), protocol.WithIp("127.0.0.1"), protocol.WithPort(port)),
	)
	if err != nil {
		return err
	}
	err = srv.Register(&Provider{notified: map[string]int32{}}, nil, server.WithInterface(suiteName))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve() }()
	return listening(port, failed)
}

// Provider is the service.
type Provider struct {
	mutex    sync.Mutex
	notified map[string]int32
}

func (*Provider) Reference() string { return suiteName }

// MethodMapper tells what the methods are called by clients.
func (*Provider) MethodMapper() map[string]string {
	names := map[string]string{"EchoByName": "echoOrdersByName"}
	for _, name := range []string{
		"SayHello", "EchoBoolean", "EchoByte", "EchoShort", "EchoChar", "EchoInt", "EchoLong",
		"EchoFloat", "EchoDouble", "EchoString", "EchoBytes", "EchoInts", "EchoStrings",
		"EchoOrder", "EchoOrders", "EchoColour", "EchoDate", "EchoDecimal", "Join", "Ping",
		"Nothing", "Refuse", "Fail", "BreakDown", "Slow", "Later", "Notify", "Notified", "Fill",
		"Length", "Attachments",
	} {
		names[name] = strings.ToLower(name[:1]) + name[1:]
	}
	return names
}

func (*Provider) SayHello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func (*Provider) EchoBoolean(_ context.Context, v bool) (bool, error) { return v, nil }

// Hessian2 has one integer for all of Java's that are shorter than a long.
func (*Provider) EchoByte(_ context.Context, v int32) (int32, error) { return v, nil }

func (*Provider) EchoShort(_ context.Context, v int32) (int32, error) { return v, nil }

func (*Provider) EchoChar(_ context.Context, v string) (string, error) { return v, nil }

func (*Provider) EchoInt(_ context.Context, v int32) (int32, error) { return v, nil }

func (*Provider) EchoLong(_ context.Context, v int64) (int64, error) { return v, nil }

func (*Provider) EchoFloat(_ context.Context, v float64) (float64, error) { return v, nil }

func (*Provider) EchoDouble(_ context.Context, v float64) (float64, error) { return v, nil }

func (*Provider) EchoString(_ context.Context, v string) (string, error) { return v, nil }

func (*Provider) EchoBytes(_ context.Context, v []byte) ([]byte, error) { return v, nil }

func (*Provider) EchoInts(_ context.Context, v []int32) ([]int32, error) { return v, nil }

func (*Provider) EchoStrings(_ context.Context, v []string) ([]string, error) { return v, nil }

func (*Provider) EchoOrder(_ context.Context, v *Order) (*Order, error) { return v, nil }

// What the library makes of lists, maps and enums depends on who sent them.
func (*Provider) EchoOrders(_ context.Context, v any) (any, error) { return v, nil }

func (*Provider) EchoByName(_ context.Context, v any) (any, error) { return v, nil }

func (*Provider) EchoColour(_ context.Context, v any) (any, error) { return v, nil }

func (*Provider) EchoDate(_ context.Context, v time.Time) (time.Time, error) { return v, nil }

func (*Provider) EchoDecimal(_ context.Context, v *big.Decimal) (*big.Decimal, error) { return v, nil }

func (*Provider) Join(_ context.Context, a int32, b string, c []any) (string, error) {
	var sum int64
	for _, each := range c {
		sum += each.(int64)
	}
	return fmt.Sprint(a, " ", b, " ", sum), nil
}

func (*Provider) Ping(context.Context) error { return nil }

func (*Provider) Nothing(context.Context, string) (*string, error) { return nil, nil }

func (*Provider) Refuse(_ context.Context, code int32) error { return newRefused(code) }

func (*Provider) Fail(_ context.Context, message string) (string, error) {
	return "", java_exception.NewIllegalStateException(message)
}

func (*Provider) BreakDown(_ context.Context, message string) (string, error) {
	return "", fmt.Errorf("no exception of Java's: %s", message)
}

func (*Provider) Slow(_ context.Context, text string, ms int32) (string, error) {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return text, nil
}

func (p *Provider) Later(ctx context.Context, text string, ms int32) (string, error) {
	return p.Slow(ctx, text, ms)
}

func (p *Provider) Notify(_ context.Context, key string) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.notified[key]++
	return nil
}

func (p *Provider) Notified(_ context.Context, key string) (int32, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.notified[key], nil
}

func (*Provider) Fill(_ context.Context, length int32) (string, error) {
	return filled(int(length)), nil
}

func (*Provider) Length(_ context.Context, text string) (int32, error) {
	return int32(units(text)), nil
}

// Attachments answers with those that begin with x-, and each under y- as well.
func (*Provider) Attachments(ctx context.Context) (map[string]string, error) {
	all, _ := ctx.Value(constant.AttachmentKey).(map[string]any)
	seen := map[string]string{}
	answer := map[string]any{}
	for key, value := range all {
		if value, ok := value.(string); ok && strings.HasPrefix(key, "x-") {
			seen[key] = value
			answer["y-"+key[2:]] = value
		}
	}
	// The request's attachments become the answer's.
	maps.Copy(all, answer)
	return seen, nil
}
