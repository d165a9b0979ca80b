package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"github.com/apache/dubbo-go-hessian2/java_exception"
	big "github.com/dubbogo/gost/math/big"
)

var ctx = context.Background()

// session is what a case is run with.
type session struct {
	*suite
	options map[string]string
}

func (s *session) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(s.options["@"+name]); err == nil {
		return n
	}
	return otherwise
}

func (s *session) big() int {
	return s.number("mib", 5) << 20
}

func runCase(options map[string]string) error {
	test, ok := cases[options["name"]]
	if !ok {
		return fmt.Errorf("no case %q", options["name"])
	}
	s, err := refer(options)
	if err != nil {
		return err
	}
	return test(&session{s, options})
}

// Hessian2 cuts strings here.
const chunk = 32_768

// cases are what a client asks of a provider and what it must get back.
var cases = map[string]func(*session) error{
	"hello": func(s *session) error {
		return returned("Hello, 漢字!")(s.SayHello(ctx, "漢字"))
	},
	"primitives":   primitives,
	"strings":      shortStrings,
	"long-strings": longStrings,
	"bytes": func(s *session) error {
		return echo(s.EchoBytes, allBytes(1), allBytes(4095), allBytes(4096), allBytes(100_000))
	},
	"arrays": func(s *session) error {
		return errors.Join(
			echo(s.EchoInts, []int32{1, -1, 70_000, math.MinInt32}),
			echo(s.EchoStrings, []string{"", "🦀", strings.Repeat("x", chunk+1)}),
		)
	},
	"plain-pojo": func(s *session) error {
		o := order(5)
		o.Marks = nil
		return echo(s.EchoOrder, o)
	},
	"pojo": func(s *session) error {
		return echo(s.EchoOrder, order(1))
	},
	"nested-pojo": func(s *session) error {
		nested := order(2)
		nested.Previous = order(3)
		nested.Previous.Previous = order(4)
		return echo(s.EchoOrder, nested)
	},
	"pojo-lists": func(s *session) error {
		got, err := s.EchoOrders(ctx, []*Order{order(1), order(2)})
		return returned([]any{order(1), order(2)})(got, err)
	},
	"shared-references": sharedReferences,
	"enums": func(s *session) error {
		return echo(s.EchoColour, Red, Night)
	},
	"dates": func(s *session) error {
		return echo(s.EchoDate, time.UnixMilli(1), time.UnixMilli(1_700_000_000_123))
	},
	"decimals": func(s *session) error {
		return echo(s.EchoDecimal, decimal("0.10"), decimal("-12345678901234567890.0123400"))
	},
	"void": ping,
	"null": null,
	"several-arguments": func(s *session) error {
		longs := []any{int64(1) << 40, int64(-5), int64(3)}
		return returned("-7 naïve 🦀 1099511627774")(s.Join(ctx, -7, "naïve 🦀", longs))
	},
	"big-request": func(s *session) error {
		return returned(int32(s.big()))(s.Length(ctx, filled(s.big())))
	},
	"big-answer": func(s *session) error {
		return returned(filled(s.big()))(s.Fill(ctx, int32(s.big())))
	},
	"big-both": func(s *session) error {
		return echo(s.EchoBytes, allBytes(s.big()))
	},
	"slow":   slow,
	"async":  async,
	"oneway": oneway,
	"echo": func(s *session) error {
		return returned("OK 🦀")(s.Echo(ctx, "OK 🦀"))
	},
	"attachments":      attachments,
	"long-attachments": longAttachments,
	"successive":       successive,
	"concurrent":       concurrent,
	"idle": func(s *session) error {
		if err := echo(s.EchoInt, 1); err != nil {
			return err
		}
		time.Sleep(time.Duration(s.number("ms", 3000)) * time.Millisecond)
		return echo(s.EchoInt, 2)
	},
	"wait": func(s *session) error {
		return returned("awaited")(s.Slow(ctx, "awaited", int32(s.number("ms", 1000))))
	},
	"declared-exception": declaredException,
	"runtime-exception":  runtimeException,
	"unknown-method": func(s *session) error {
		if _, err := s.AddedLater(ctx, 1); err == nil {
			return errors.New("got an answer")
		}
		return ping(s)
	},
	"unknown-service": func(s *session) error {
		options := map[string]string{"port": s.options["port"], "interface": "interop.Absent"}
		absent, err := refer(options)
		if err != nil {
			return err
		}
		if _, err := absent.Ping(ctx); err == nil {
			return errors.New("got an answer")
		}
		return ping(s)
	},
	"timeout": timeout,
	"failing": func(s *session) error {
		_, err := s.Slow(ctx, "x", int32(s.number("ms", 10_000)))
		return failing(s, err)
	},
	"failing-hello": func(s *session) error {
		_, err := s.SayHello(ctx, "x")
		return failing(s, err)
	},
	"failing-big-answer": func(s *session) error {
		_, err := s.Fill(ctx, int32(s.number("bytes", 100_000)))
		return failing(s, err)
	},
	"failing-big": func(s *session) error {
		_, err := s.Length(ctx, filled(s.number("bytes", 100_000)))
		return failing(s, err)
	},
}

func equal(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %.300s, want %.300s", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
	}
	return nil
}

// returned is equal for a call's two results.
func returned[T any](want T) func(T, error) error {
	return func(got T, err error) error {
		if err != nil {
			return err
		}
		return equal(plain(got), plain(want))
	}
}

// plain is a value of which DeepEqual tells what matters.
func plain(value any) any {
	switch v := value.(type) {
	case float64:
		if math.IsNaN(v) {
			return "not a number"
		}
	case time.Time:
		return v.UnixMilli()
	case *big.Decimal:
		return v.String()
	case *Order:
		return fmt.Sprint(orderText(v))
	case []any:
		var all []any
		for _, each := range v {
			all = append(all, plain(each))
		}
		return all
	case []byte:
		return string(v)
	}
	return value
}

func orderText(o *Order) string {
	if o == nil {
		return "none"
	}
	var lines []string
	for _, l := range o.Lines {
		lines = append(lines, fmt.Sprint(l.Article, l.Count, decimalText(l.Price), l.Colour))
	}
	return fmt.Sprint(o.ID, o.Customer, o.Paid, o.Discount, o.Weight, o.Colour, o.Placed.UnixMilli(),
		decimalText(o.Total), bytes.Equal(o.Seal, allBytes(len(o.Seal))), len(o.Seal), lines, o.Marks,
		" after ", orderText(o.Previous))
}

func decimalText(d *big.Decimal) string {
	if d == nil {
		return "none"
	}
	return d.String()
}

func echo[T any](call func(context.Context, T) (T, error), values ...T) error {
	for _, v := range values {
		if err := returned(v)(call(ctx, v)); err != nil {
			return err
		}
	}
	return nil
}

func decimal(text string) *big.Decimal {
	d, err := big.NewDecFromString(text)
	if err != nil {
		panic(err)
	}
	return d
}

func allBytes(length int) []byte {
	all := make([]byte, length)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// filled is so many UTF-16 units of text, as Java counts.
func filled(length int) string {
	all := utf16.Encode([]rune(text))
	var b strings.Builder
	for range length / len(all) {
		b.WriteString(text)
	}
	b.WriteString(string(utf16.Decode(all[:length%len(all)])))
	return b.String()
}

func units(text string) int {
	return len(utf16.Encode([]rune(text)))
}

func order(id int) *Order {
	return &Order{
		ID:       int64(id) * 1_000_000_007,
		Customer: fmt.Sprint("Zoë ", id),
		Paid:     id%2 == 1,
		Discount: int32(id),
		Weight:   float64(id) + 0.25,
		Colour:   Colour(id % 3),
		Placed:   time.UnixMilli(1_700_000_000_123 + int64(id)),
		Total:    decimal("-12345678901234567890.0123400"),
		Seal:     allBytes(300),
		Lines: []*Line{
			{"漢字", 1, decimal("0.10"), Night},
			{"", math.MinInt32, decimal("1"), Red},
		},
		Marks: map[string]any{"none": []any{}, "some": []any{int32(1), int32(-1), int32(70_000)}},
	}
}

func ping(s *session) error {
	_, err := s.Ping(ctx)
	return err
}

func primitives(s *session) error {
	return errors.Join(
		echo(s.EchoBoolean, true, false),
		echo(s.EchoByte, math.MinInt8, -1, 0, math.MaxInt8),
		echo(s.EchoShort, math.MinInt16, -1, 0, math.MaxInt16),
		echo(s.EchoInt, math.MinInt32, -2049, -17, -1, 0, 47, 48, 262_144, math.MaxInt32),
		echo(s.EchoLong, math.MinInt64, -9, -1, 0, 15, 16, 1<<31, math.MaxInt64),
		echo(s.EchoDouble, 0, 1, -128, 32_767, 0.001, 1.1, -math.MaxFloat64, math.Inf(1), math.NaN()),
	)
}

func shortStrings(s *session) error {
	if err := echo(s.EchoString, "", "plain", "naïve", "漢字", "🦀𝔘", "a\x00b\r\n"); err != nil {
		return err
	}
	for _, length := range []int{31, 32, 33, 47, 48, 255, 256, 1023, 1024} {
		err := echo(s.EchoString, strings.Repeat("x", length), strings.Repeat("漢", length))
		if err != nil {
			return err
		}
	}
	return nil
}

func longStrings(s *session) error {
	for _, length := range []int{chunk - 1, chunk, chunk + 1, 2 * chunk, 70_000} {
		err := echo(s.EchoString, strings.Repeat("x", length), strings.Repeat("é", length))
		if err != nil {
			return err
		}
	}
	// A character of two units across the cut.
	return echo(s.EchoString, strings.Repeat("x", chunk-1)+strings.Repeat("🦀", chunk))
}

func sharedReferences(s *session) error {
	o := order(1)
	got, err := s.EchoOrders(ctx, []*Order{o, o, order(2), o})
	if err != nil {
		return err
	}
	if err := returned([]any{o, o, order(2), o})(got, nil); err != nil {
		return err
	}
	if got[0] != got[1] || got[0] != got[3] {
		return errors.New("the reference became a copy")
	}
	return nil
}

func null(s *session) error {
	got, err := s.Nothing(ctx, "x")
	if err != nil {
		return err
	}
	if got != nil && *got != "" {
		return fmt.Errorf("got %q", *got)
	}
	return nil
}

func slow(s *session) error {
	started := time.Now()
	if err := returned("x")(s.Slow(ctx, "x", 100)); err != nil {
		return err
	}
	if took := time.Since(started); took < 100*time.Millisecond {
		return fmt.Errorf("answered after %v", took)
	}
	return nil
}

// async gets the answers in another order than the calls went.
func async(s *session) error {
	errs := make([]error, 20)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			want := fmt.Sprint("naïve ", i)
			errs[i] = returned(want)(s.Later(ctx, want, int32(200-10*i)))
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// oneway is what a call with the attachment async is, if there is no callback.
func oneway(s *session) error {
	key := rand.Text()
	async := context.WithValue(ctx, constant.AttachmentKey, map[string]any{"async": "true"})
	for range 10 {
		if err := s.Notify(async, key); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if got, err := s.Notified(ctx, key); err != nil || got >= 10 {
			return returned(int32(10))(got, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("the one-way calls did not arrive")
}

func attachments(s *session) error {
	return checkAttachments(s, map[string]any{"x-plain": "1", "x-漢字": "naïve 🦀"})
}

func longAttachments(s *session) error {
	sent := map[string]any{"x-long": filled(16_384), "x-longer": strings.Repeat("x", 20_000)}
	for i := range 50 {
		sent[fmt.Sprint("x-", i)] = fmt.Sprint("value ", i)
	}
	return checkAttachments(s, sent)
}

// checkAttachments sends them, and lets the provider tell what it saw.
func checkAttachments(s *session, sent map[string]any) error {
	got, err := s.Attachments(context.WithValue(ctx, constant.AttachmentKey, sent))
	if err != nil {
		return err
	}
	for key, value := range sent {
		if err := equal(got[key], value); err != nil {
			return fmt.Errorf("%.50s: %w", key, err)
		}
	}
	return nil
}

func successive(s *session) error {
	for i := range int32(200) {
		x := strings.Repeat("x", int(i))
		want := fmt.Sprintf("%d %s %d", i, x, i)
		if err := returned(want)(s.Join(ctx, i, x, []any{int64(i)})); err != nil {
			return err
		}
	}
	return nil
}

func concurrent(s *session) error {
	errs := make([]error, 50)
	var group sync.WaitGroup
	for number := range errs {
		group.Go(func() { errs[number] = calls(s, number) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func calls(s *session, number int) error {
	for i := range s.number("rounds", 20) {
		name := fmt.Sprint(number, "/", i)
		var err error
		switch i % 7 {
		case 3:
			err = returned(name)(s.Slow(ctx, name, int32(number%5)))
		case 5:
			err = echo(s.EchoString, name+filled(5000))
		default:
			want := fmt.Sprint(number, " ", name, " ", i)
			err = returned(want)(s.Join(ctx, int32(number), name, []any{int64(i)}))
		}
		if err != nil {
			return fmt.Errorf("caller %d: %w", number, err)
		}
	}
	return nil
}

func declaredException(s *session) error {
	for _, code := range []int32{0, -5} {
		_, err := s.Refuse(ctx, code)
		var refused *Refused
		if !errors.As(err, &refused) {
			return fmt.Errorf("got %T %v, want Refused", err, err)
		}
		want := newRefused(code)
		if err := errors.Join(
			equal(refused.DetailMessage, want.DetailMessage),
			equal(refused.Code, want.Code),
			equal(refused.Hints, want.Hints),
		); err != nil {
			return err
		}
	}
	return ping(s)
}

func runtimeException(s *session) error {
	_, err := s.Fail(ctx, "naïve 🦀")
	var illegal *java_exception.IllegalStateException
	if !errors.As(err, &illegal) {
		return fmt.Errorf("got %T %v, want IllegalStateException", err, err)
	}
	if err := equal(illegal.DetailMessage, "naïve 🦀"); err != nil {
		return err
	}
	return ping(s)
}

// timeout waits less than the provider takes.
func timeout(s *session) error {
	hurried, err := refer(map[string]string{"port": s.options["port"], "timeout": "300"})
	if err != nil {
		return err
	}
	started := time.Now()
	if _, err := hurried.Slow(ctx, "x", 1500); err == nil {
		return errors.New("got an answer")
	}
	if took := time.Since(started); took > 1400*time.Millisecond {
		return fmt.Errorf("the timeout came after %v", took)
	}
	return returned("Hello, x!")(s.SayHello(ctx, "x"))
}

// failing expects an error with the text `text`.
func failing(s *session, err error) error {
	if err == nil {
		return errors.New("got an answer")
	}
	if want := s.options["@text"]; !strings.Contains(err.Error(), want) {
		return fmt.Errorf("another text: %.600s", err)
	}
	return nil
}
