package main

import (
	"context"
	"fmt"
	"time"

	hessian "github.com/apache/dubbo-go-hessian2"
	"github.com/apache/dubbo-go-hessian2/java_exception"
	big "github.com/dubbogo/gost/math/big"
)

const (
	suiteName = "interop.Suite"
	text      = "naïve 漢字 🦀 "
)

// suite is a client's view of the service; see Suite.java.
type suite struct {
	SayHello    func(context.Context, string) (string, error)                      `dubbo:"sayHello"`
	EchoBoolean func(context.Context, bool) (bool, error)                          `dubbo:"echoBoolean"`
	EchoByte    func(context.Context, int8) (int8, error)                          `dubbo:"echoByte"`
	EchoShort   func(context.Context, int16) (int16, error)                        `dubbo:"echoShort"`
	EchoInt     func(context.Context, int32) (int32, error)                        `dubbo:"echoInt"`
	EchoLong    func(context.Context, int64) (int64, error)                        `dubbo:"echoLong"`
	EchoDouble  func(context.Context, float64) (float64, error)                    `dubbo:"echoDouble"`
	EchoString  func(context.Context, string) (string, error)                      `dubbo:"echoString"`
	EchoBytes   func(context.Context, []byte) ([]byte, error)                      `dubbo:"echoBytes"`
	EchoInts    func(context.Context, []int32) ([]int32, error)                    `dubbo:"echoInts"`
	EchoStrings func(context.Context, []string) ([]string, error)                  `dubbo:"echoStrings"`
	EchoOrder   func(context.Context, *Order) (*Order, error)                      `dubbo:"echoOrder"`
	EchoOrders  func(context.Context, []*Order) ([]any, error)                     `dubbo:"echoOrders"`
	EchoByName  func(context.Context, map[string][]*Order) (map[string]any, error) `dubbo:"echoOrdersByName"`
	EchoColour  func(context.Context, Colour) (Colour, error)                      `dubbo:"echoColour"`
	EchoDate    func(context.Context, time.Time) (time.Time, error)                `dubbo:"echoDate"`
	EchoDecimal func(context.Context, *big.Decimal) (*big.Decimal, error)          `dubbo:"echoDecimal"`
	Join        func(context.Context, int32, string, []any) (string, error)        `dubbo:"join"`
	Ping        func(context.Context) (any, error)                                 `dubbo:"ping"`
	Nothing     func(context.Context, string) (*string, error)                     `dubbo:"nothing"`
	Refuse      func(context.Context, int32) (any, error)                          `dubbo:"refuse"`
	Fail        func(context.Context, string) (string, error)                      `dubbo:"fail"`
	BreakDown   func(context.Context, string) (string, error)                      `dubbo:"breakDown"`
	Slow        func(context.Context, string, int32) (string, error)               `dubbo:"slow"`
	Later       func(context.Context, string, int32) (string, error)               `dubbo:"later"`
	Notify      func(context.Context, string) error                                `dubbo:"notify"`
	Notified    func(context.Context, string) (int32, error)                       `dubbo:"notified"`
	Fill        func(context.Context, int32) (string, error)                       `dubbo:"fill"`
	Length      func(context.Context, string) (int32, error)                       `dubbo:"length"`
	Attachments func(context.Context) (map[any]any, error)                         `dubbo:"attachments"`
	AddedLater  func(context.Context, int32) (int32, error)                        `dubbo:"addedLater"`
	Echo        func(context.Context, string) (string, error)
}

// Colour is Java's enum.
type Colour hessian.JavaEnum

const (
	Red Colour = iota
	Green
	Night
)

var colourNames = []string{"RED", "GREEN", "NIGHT"}

func (Colour) JavaClassName() string { return "interop.Colour" }

func (c Colour) String() string { return colourNames[c] }

// EnumValue is the colour of a name.
func (Colour) EnumValue(name string) hessian.JavaEnum {
	for number, each := range colourNames {
		if each == name {
			return hessian.JavaEnum(number)
		}
	}
	return hessian.InvalidJavaEnum
}

// Line is a part of an order.
type Line struct {
	Article string
	Count   int32
	Price   *big.Decimal
	Colour  Colour
}

// JavaClassName is what the bytes call it.
func (*Line) JavaClassName() string { return "interop.Line" }

// Order is an object with collections of objects.
type Order struct {
	ID       int64 `hessian:"id"`
	Customer string
	Paid     bool
	Discount int32
	Weight   float64
	Colour   Colour
	Placed   time.Time
	Total    *big.Decimal
	Seal     []byte
	Lines    []*Line
	Marks    map[string]any
	Previous *Order
}

// JavaClassName is what the bytes call it.
func (*Order) JavaClassName() string { return "interop.Order" }

// Refused is the exception that methods declare.
type Refused struct {
	SerialVersionUID     int64
	DetailMessage        string
	SuppressedExceptions []java_exception.Throwabler
	StackTrace           []java_exception.StackTraceElement
	Cause                java_exception.Throwabler
	Code                 int32
	Hints                []string
}

func newRefused(code int32) *Refused {
	return &Refused{
		DetailMessage: fmt.Sprintf("refused: %d", code),
		StackTrace:    []java_exception.StackTraceElement{},
		Code:          code,
		Hints:         []string{"naïve", "漢字"},
	}
}

func (e Refused) Error() string { return e.DetailMessage }

// JavaClassName is what the bytes call it.
func (Refused) JavaClassName() string { return "interop.Refused" }

// GetStackTrace is Java's.
func (e Refused) GetStackTrace() []java_exception.StackTraceElement { return e.StackTrace }

func init() {
	hessian.RegisterPOJO(&Line{})
	hessian.RegisterPOJO(&Order{})
	hessian.RegisterPOJO(&Refused{})
	for number := range colourNames {
		hessian.RegisterJavaEnum(Colour(number))
	}
}
