package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"suite/suite"
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

func echoContainers(s *session, v *suite.Containers) error {
	got, err := s.conn.EchoContainers(ctx, sorted(v))
	return returned(v)(sorted(got), err)
}

func containers(s *session) error {
	return echoContainers(s, suite.CONTAINERS)
}

func emptyContainers(s *session) error {
	return echoContainers(s, &suite.Containers{
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
	return echoContainers(s, many)
}

// deep is 60 structs in one another, and 30 in lists.
func deep(s *session) error {
	var byField, byList *suite.Deep
	for i := range int32(60) {
		byField = &suite.Deep{Depth: i, Flags: []bool{i%2 == 0}, Inner: byField, More: []*suite.Deep{}}
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

func constants(s *session) error {
	scalars, err := s.conn.Scalars(ctx)
	containers, err2 := s.conn.Containers(ctx)
	return errors.Join(
		returned(suite.SCALARS)(scalars, err),
		returned(suite.CONTAINERS)(sorted(containers), err2),
	)
}

func arguments(s *session) error {
	first, err := s.conn.Join(ctx, -7, "naïve 🦀", []int64{1 << 40, -5, 3})
	second, err2 := s.conn.Join(ctx, 0, "", nil)
	return errors.Join(
		returned("-7 naïve 🦀 1099511627774")(first, err),
		returned("0  0")(second, err2),
	)
}
