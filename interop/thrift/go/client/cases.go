package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"suite"
)

var ctx = context.Background()

// cases are what a client asks of a server and what it must get back.
var cases = map[string]func(*session) error{
	"void": func(s *session) error {
		return s.conn.Ping(ctx)
	},
	"bools": func(s *session) error {
		return echo(s.conn.EchoBool, true, false)
	},
	"ints": func(s *session) error {
		return errors.Join(
			echo(s.conn.EchoI8, math.MinInt8, -1, 0, math.MaxInt8),
			echo(s.conn.EchoI16, math.MinInt16, -1, 0, math.MaxInt16),
			echo(s.conn.EchoI32, math.MinInt32, -1, 0, math.MaxInt32),
			echo(s.conn.EchoI64, math.MinInt64, -1, 0, 1<<31, math.MaxInt64),
		)
	},
	"doubles": func(s *session) error {
		return echo(s.conn.EchoDouble, 0, math.Copysign(0, -1), 1.5, -math.MaxFloat64,
			math.SmallestNonzeroFloat64)
	},
	"infinities": func(s *session) error {
		return echo(s.conn.EchoDouble, math.Inf(1), math.Inf(-1), math.NaN())
	},
	"strings": func(s *session) error {
		return echo(s.conn.EchoString, "", "plain", "naïve", "漢字", "🦀𝔘")
	},
	"control-characters": func(s *session) error {
		return echo(s.conn.EchoString, "a\x00b\r\n\t", "\x01\b\f\x1f", `"quoted" \ /`)
	},
	"binary": func(s *session) error {
		return echo(s.conn.EchoBinary, []byte{}, allBytes(1), bytes.Repeat([]byte{0x80, 1, 0, 0}, 3))
	},
	"enums": func(s *session) error {
		return echo(s.conn.EchoColour, suite.Colour_RED, suite.Colour_NIGHT)
	},
	"structs": func(s *session) error {
		return echo(s.conn.EchoScalars, suite.SCALARS)
	},
	"optionals":            optionals,
	"unions":               unions,
	"containers":           containers,
	"empty-containers":     emptyContainers,
	"many-elements":        manyElements,
	"deep":                 deep,
	"uuids":                uuids,
	"uuid-containers":      uuidContainers,
	"many-fields":          manyFields,
	"headers":              headers,
	"many-headers":         manyHeaders,
	"constants":            constants,
	"arguments":            arguments,
	"exception":            exception,
	"undeclared-exception": undeclaredException,
	"unknown-method":       unknownMethod,
	"oneway":               oneway,
	"oneway-burst":         onewayBurst,
	"oneway-then-idle":     onewayThenIdle,
	"oneway-alone":         onewayAlone,
	"big-binary": func(s *session) error {
		return echo(s.conn.EchoBinary, allBytes(5*4096))
	},
	"big-string": func(s *session) error {
		text := "naïve 漢字 🦀 "
		return echo(s.conn.EchoString, strings.Repeat(text, 5<<20/len(text)+1))
	},
	"slow":        slow,
	"successive":  successive,
	"pipelined":   pipelined,
	"multiplexed": multiplexed,
	"concurrent":  concurrent,
	// A call that no server lives long enough to answer.
	"failing": func(s *session) error {
		_, err := s.conn.Slow(ctx, 10_000)
		return applicationException(err, thrift.INTERNAL_ERROR)
	},
}

func equal[T any](got, want T) error {
	same := reflect.DeepEqual(got, want)
	switch want := any(want).(type) {
	case float64:
		// Neither 0 for -0 nor a difference between NaNs, which Java makes all the same.
		got := any(got).(float64)
		same = math.IsNaN(got) && math.IsNaN(want) || math.Float64bits(got) == math.Float64bits(want)
	case []byte:
		same = bytes.Equal(any(got).([]byte), want)
	}
	if !same {
		return fmt.Errorf("got %.200s, want %.200s", fmt.Sprint(got), fmt.Sprint(want))
	}
	return nil
}

// returned is equal for a call's two results.
func returned[T any](want T) func(T, error) error {
	return func(got T, err error) error {
		if err != nil {
			return err
		}
		return equal(got, want)
	}
}

func echo[T any](call func(context.Context, T) (T, error), values ...T) error {
	for _, v := range values {
		if err := returned(v)(call(ctx, v)); err != nil {
			return err
		}
	}
	return nil
}

func applicationException(err error, kind int32) error {
	var exception thrift.TApplicationException
	if !errors.As(err, &exception) {
		return fmt.Errorf("got %v, want an application exception", err)
	}
	if exception.TypeId() != kind {
		return fmt.Errorf("got %v of type %d, want type %d", exception, exception.TypeId(), kind)
	}
	return nil
}

func allBytes(times int) []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return bytes.Repeat(all, times)
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
	if err := applicationException(s.conn.Fail(ctx), thrift.INTERNAL_ERROR); err != nil {
		return err
	}
	return s.conn.Ping(ctx)
}

func unknownMethod(s *session) error {
	_, err := s.conn.AddedLater(ctx, 1)
	if err := applicationException(err, thrift.UNKNOWN_METHOD); err != nil {
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
	if err := returned(int32(100))(s.conn.Slow(ctx, 100)); err != nil {
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
		if err := returned(want)(s.conn.Join(ctx, i, text, []int64{int64(i)})); err != nil {
			return err
		}
	}
	return nil
}

// pipelined sends all requests before it reads the first answer, each with sequence id 0.
func pipelined(s *session) error {
	client := thrift.NewTStandardClient(s.conn.protocol, s.conn.protocol)
	waits := []int32{150, 0, 100, 20, 80, 1, 50, 10}
	for _, ms := range waits {
		args := &suite.SuiteSlowArgs{Ms: ms}
		if err := client.Send(ctx, s.conn.protocol, 0, "slow", args); err != nil {
			return err
		}
	}
	for _, ms := range waits {
		var result suite.SuiteSlowResult
		err := client.Recv(ctx, s.conn.protocol, 0, "slow", &result)
		if err := returned(ms)(result.GetSuccess(), err); err != nil {
			return err
		}
	}
	return nil
}

func multiplexed(s *session) error {
	first := suite.NewSuiteClient(s.conn.multiplexed("Suite"))
	second := suite.NewSecondClient(s.conn.multiplexed("Second"))
	name, err := s.conn.Name(ctx)
	if err != nil {
		return err
	}
	got, err := first.EchoContainers(ctx, suite.CONTAINERS)
	return errors.Join(
		returned(name)(first.Name(ctx)),
		returned("second")(second.Name(ctx)),
		returned(suite.CONTAINERS)(sorted(got), err),
		returned("second")(second.Name(ctx)),
	)
}

// concurrent runs 32 clients at once, each with a connection of its own.
func concurrent(s *session) error {
	client := func(number int32) error {
		conn, err := connect(s.form)
		if err != nil {
			return err
		}
		defer conn.close()
		for i := range s.rounds {
			name := fmt.Sprintf("%d/%d", number, i)
			want := fmt.Sprintf("%d %s %d", number, name, int(number)+i)
			c := []int64{int64(number), int64(i)}
			if err := returned(want)(conn.Join(ctx, number, name, c)); err != nil {
				return fmt.Errorf("client %d: %w", number, err)
			}
		}
		return nil
	}
	errs := make([]error, 32)
	var group sync.WaitGroup
	for number := range errs {
		group.Go(func() { errs[number] = client(int32(number)) })
	}
	group.Wait()
	return errors.Join(errs...)
}
