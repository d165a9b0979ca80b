package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
	"interop/untyped"
	"suite"
)

func optionals(s *session) error {
	return echo(s.conn.EchoOptionals,
		&suite.Optionals{Name: "bare", Note: "as declared", Plain: 7},
		&suite.Optionals{Name: "empty", Count: new(int32(0)), Flag: new(false)},
		&suite.Optionals{
			Name: "full", Count: new(int32(-1)), Note: "n", Flag: new(true), Plain: 1,
			Inner: suite.SCALARS,
		},
	)
}

func unions(s *session) error {
	return echo(s.conn.EchoChoice,
		&suite.Choice{Number: new(int32(0))},
		&suite.Choice{Text: new("🦀")},
		&suite.Choice{Flags: []bool{true, false, true}},
		&suite.Choice{Scalars: suite.SCALARS},
	)
}

// sorted orders the sets, which in Go are slices.
func sorted(c *suite.Containers) *suite.Containers {
	if c != nil {
		byText := func(a, b bool) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
		slices.SortFunc(c.Both, byText)
		slices.Sort(c.Names)
		for _, sets := range c.Nested {
			for _, set := range sets {
				slices.Sort(set)
			}
		}
	}
	return c
}

func init() {
	sorted(suite.CONTAINERS)
}

func containers(s *session) error {
	got, err := s.conn.EchoContainers(ctx, suite.CONTAINERS)
	return returned(suite.CONTAINERS)(sorted(got), err)
}

func emptyContainers(s *session) error {
	return echo(s.conn.EchoContainers, &suite.Containers{
		Nested:  []map[string][]int32{},
		Flags:   []bool{},
		Answers: map[int32]bool{},
		Both:    []bool{},
		Grid:    [][]bool{},
		Structs: map[string][]*suite.Pair{},
		Names:   []string{},
		Colours: map[suite.Colour]string{},
		Reals:   []float64{},
		Deep:    map[int64]map[int16]bool{},
	})
}

func constants(s *session) error {
	got, err := s.conn.Containers(ctx)
	return errors.Join(
		returned(suite.SCALARS)(s.conn.Scalars(ctx)),
		returned(suite.CONTAINERS)(sorted(got), err),
	)
}

func arguments(s *session) error {
	return errors.Join(
		returned("-7 naïve 🦀 1099511627774")(s.conn.Join(ctx, -7, "naïve 🦀", []int64{1 << 40, -5, 3})),
		returned("0  0")(s.conn.Join(ctx, 0, "", nil)),
	)
}

func manyElements(s *session) error {
	many := &suite.Containers{
		Answers: map[int32]bool{},
		Both:    []bool{true},
		Structs: map[string][]*suite.Pair{},
		Colours: map[suite.Colour]string{suite.Colour_GREEN: "green"},
		Deep:    map[int64]map[int16]bool{},
	}
	for i := range int32(1000) {
		even := i%2 == 0
		many.Nested = append(many.Nested, map[string][]int32{strconv.Itoa(int(i)): {i, i + 1}})
		many.Flags = append(many.Flags, i%3 == 0)
		many.Answers[i-500] = even
		many.Grid = append(many.Grid, slices.Repeat([]bool{even}, int(i%20)))
		many.Structs["many"] = append(many.Structs["many"], &suite.Pair{Left: even, Right: true})
		many.Names = append(many.Names, strconv.Itoa(int(i)))
		many.Reals = append(many.Reals, float64(i)/8)
		many.Deep[int64(i)<<40] = map[int16]bool{int16(i): true}
	}
	got, err := s.conn.EchoContainers(ctx, sorted(many))
	return returned(many)(sorted(got), err)
}

// deep is 60 structs in one another, and 30 in lists.
func deep(s *session) error {
	var byField, byList *suite.Deep
	for i := range int32(60) {
		byField = &suite.Deep{
			Depth: i,
			Flags: []bool{i%2 == 0},
			Inner: byField,
			More:  []*suite.Deep{},
		}
	}
	for i := range int32(30) {
		more := []*suite.Deep{}
		if byList != nil {
			more = append(more, byList)
		}
		byList = &suite.Deep{Depth: i, Flags: []bool{}, More: more}
	}
	return echo(s.conn.EchoDeep, byField, byList)
}

func echoUntyped(s *session, value untyped.Struct) error {
	var result untyped.Struct
	arguments := untyped.Struct{{ID: 1, Value: value}}
	_, err := s.conn.Client_().Call(ctx, untyped.Method, &arguments, &result)
	return returned(untyped.Struct{{ID: 0, Value: value}})(result, err)
}

var (
	uuid1 = thrift.Must(thrift.ParseTuuid("00112233-4455-6677-8899-aabbccddeeff"))
	uuid2 = thrift.Tuuid([]byte(strings.Repeat("\xff\x80\x01\x00", 4)))
)

func uuids(s *session) error {
	return echoUntyped(s, untyped.Struct{
		{ID: 1, Value: uuid1},
		{ID: 900, Value: untyped.Struct{{ID: 1, Value: uuid2}, {ID: 2, Value: true}}},
		{ID: 901, Value: false},
	})
}

func uuidContainers(s *session) error {
	return echoUntyped(s, untyped.Struct{
		{ID: 1, Value: untyped.List{Element: thrift.UUID, Elements: []any{uuid2, uuid1, uuid2}}},
		{ID: 2, Value: untyped.List{Element: thrift.UUID, Set: true, Elements: []any{uuid1}}},
		{ID: 3, Value: untyped.Map{
			Key:     thrift.STRING,
			Value:   thrift.UUID,
			Entries: [][2]any{{[]byte("one"), uuid1}, {[]byte("two"), uuid2}},
		}},
	})
}

// manyFields are some next to each other, and some further away.
func manyFields(s *session) error {
	var fields untyped.Struct
	for i := range int16(250) {
		flags := []any{true, i%2 == 0}
		fields = append(fields,
			untyped.Field{ID: 30*i + 1, Value: i%3 == 0},
			untyped.Field{ID: 30*i + 2, Value: int32(i)*int32(i) - 5000},
			untyped.Field{ID: 30*i + 4, Value: []byte(strings.Repeat("x", int(i)))},
			untyped.Field{ID: 30*i + 30, Value: untyped.List{Element: thrift.BOOL, Elements: flags}},
		)
	}
	return echoUntyped(s, fields)
}
