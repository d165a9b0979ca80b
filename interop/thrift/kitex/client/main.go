// Command client runs the cases named by -case, or else on stdin, and prints a
// JSON line for each.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cloudwego/kitex/pkg/klog"
	"interop/kitex/wire"
)

type result struct {
	Case        string `json:"case"`
	OK          bool   `json:"ok"`
	Error       string `json:"error"`
	Ms          int64  `json:"ms"`
	Connections int    `json:"connections"`
}

var cases = map[string]func(*session) error{}

func init() {
	for _, more := range []map[string]func(*session) error{
		valueCases, callCases, headerCases, loadCases, genericCases,
	} {
		maps.Copy(cases, more)
	}
}

func main() {
	names := flag.String("case", "", "names with commas between them")
	rounds := flag.Int("rounds", 20, "calls of each concurrent client")
	idl := flag.String("generic", "", "the IDL of the calls without generated code")
	form := wire.Parse()
	klog.SetLevel(klog.LevelWarn)

	session := &session{form: form, rounds: *rounds, idl: *idl}
	defer session.drop()
	output := json.NewEncoder(os.Stdout)
	asked := lines()
	if *names != "" {
		asked = slices.Values(strings.Split(*names, ","))
	}
	for name := range asked {
		output.Encode(session.run(name))
	}
}

func lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			if !yield(input.Text()) {
				return
			}
		}
	}
}

// session holds a connection, opened when first needed and again after a failure.
type session struct {
	form   *wire.Form
	rounds int
	idl    string
	opened int
	conn   *connection
}

func (s *session) run(name string) result {
	started := time.Now()
	err := s.try(name)
	r := result{Case: name, OK: err == nil, Ms: time.Since(started).Milliseconds(), Connections: s.opened}
	if err != nil {
		r.Error = err.Error()
		s.drop()
	}
	return r
}

func (s *session) try(name string) error {
	test, ok := cases[name]
	if !ok {
		return fmt.Errorf("no case %q", name)
	}
	if s.conn == nil {
		conn, err := connect(s.form)
		if err != nil {
			return err
		}
		s.conn = conn
		s.opened++
	}
	return test(s)
}

func (s *session) drop() {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}
