// Command client runs the cases named by -case, or else on stdin, and prints a
// JSON line for each.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"interop/wire"
	"suite"
)

// Longer than any call that succeeds.
const timeout = 20 * time.Second

type result struct {
	Case        string `json:"case"`
	OK          bool   `json:"ok"`
	Error       string `json:"error"`
	Ms          int64  `json:"ms"`
	Connections int    `json:"connections"`
}

func main() {
	form := wire.Flags()
	names := flag.String("case", "", "names with commas between them")
	rounds := flag.Int("rounds", 20, "calls of each concurrent client")
	flag.Parse()

	session := &session{form: form, rounds: *rounds}
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

// connection is the suite by its bare method names.
type connection struct {
	*suite.LaterClient
	transport thrift.TTransport
	protocol  thrift.TProtocol
}

func connect(form *wire.Form) (*connection, error) {
	transport, err := form.Transports().GetTransport(form.Socket(timeout))
	if err != nil {
		return nil, err
	}
	if err := transport.Open(); err != nil {
		return nil, err
	}
	protocol := form.Protocols().GetProtocol(transport)
	client := suite.NewLaterClient(thrift.NewTStandardClient(protocol, protocol))
	return &connection{client, transport, protocol}, nil
}

// multiplexed is a client that calls `service:method`.
func (c *connection) multiplexed(service string) thrift.TClient {
	protocol := thrift.NewTMultiplexedProtocol(c.protocol, service)
	return thrift.NewTStandardClient(protocol, protocol)
}

func (c *connection) close() {
	c.transport.Close()
}
