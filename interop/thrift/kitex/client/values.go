package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/cloudwego/kitex/client/callopt"
	"suite/suite"
)

var ctx = context.Background()

// valueCases are the values that go there and back.
var valueCases = map[string]func(*session) error{
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
	"optionals":        optionals,
	"unions":           unions,
	"containers":       containers,
	"empty-containers": emptyContainers,
	"many-elements":    manyElements,
	"deep":             deep,
	"constants":        constants,
	"arguments":        arguments,
	"big-binary": func(s *session) error {
		return echo(s.conn.EchoBinary, allBytes(5*4096))
	},
	"big-string": func(s *session) error {
		text := "naïve 漢字 🦀 "
		return echo(s.conn.EchoString, strings.Repeat(text, 5<<20/len(text)+1))
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

func echo[T any](call func(context.Context, T, ...callopt.Option) (T, error), values ...T) error {
	for _, v := range values {
		if err := returned(v)(call(ctx, v)); err != nil {
			return err
		}
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
