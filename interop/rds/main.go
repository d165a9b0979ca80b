// A control plane of go-control-plane that does what its standard input says, one
// command a line, and tells on its standard output what clients say.
//
//	set VERSION NAME=CLUSTER...   serve these tables, of one route each
//	raw VERSION NAME KIND         serve a table that is wrong: nohost, twohosts, noaction
//	serve VERSION TABLES          serve these tables, a list in JSON
//	send RESPONSE                 say this on the last stream; only with -by-hand
//	stop | start                  stop serving, or serve again at the same address
//	stall | resume                leave requests unread, or read on
//
// Lines out: `listening ADDRESS`, `done COMMAND`, `open`, `closed`,
// `ack VERSION NONCE`, `nack REFUSAL` in JSON, `ask NAME,NAME`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	routes "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// control is the server of either kind of control plane.
type control struct {
	*log
	*plane
	hand    *hand
	address string
	tls     credentials.TransportCredentials
	grpc    *grpc.Server
}

func (c *control) start() error {
	network, address := "tcp", c.address
	if path, ok := strings.CutPrefix(c.address, "unix:"); ok {
		network, address = "unix", path
		// What a killed one has left.
		_ = os.Remove(path)
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	if network == "tcp" {
		c.address = listener.Addr().String()
	}
	var options []grpc.ServerOption
	if c.tls != nil {
		options = append(options, grpc.Creds(c.tls))
	}
	c.grpc = grpc.NewServer(options...)
	if c.hand != nil {
		routes.RegisterRouteDiscoveryServiceServer(c.grpc, c.hand)
	} else {
		service := server.NewServer(context.Background(), c.cache, c.plane.callbacks())
		routes.RegisterRouteDiscoveryServiceServer(c.grpc, service)
		discovery.RegisterAggregatedDiscoveryServiceServer(c.grpc, service)
	}
	serving := c.grpc
	go func() { _ = serving.Serve(listener) }()
	c.say("listening %s", c.address)
	return nil
}

func (c *control) command(line string) error {
	command, rest, _ := strings.Cut(line, " ")
	words := strings.Fields(rest)
	switch command {
	case "set":
		return c.set(words[0], words[1:])
	case "raw":
		return c.setWrong(words[0], words[1], words[2])
	case "serve":
		version, tables, _ := strings.Cut(rest, " ")
		return c.serve(version, []byte(tables))
	case "send":
		var said response
		if err := json.Unmarshal([]byte(rest), &said); err != nil {
			return err
		}
		return c.hand.send(said)
	case "stop":
		c.grpc.Stop()
		return nil
	case "start":
		return c.start()
	case "stall":
		c.stalled.Lock()
		return nil
	case "resume":
		c.stalled.Unlock()
		return nil
	}
	return fmt.Errorf("no such command: %s", command)
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "IP:PORT or unix:PATH")
	folder := flag.String("tls", "", "speak TLS, with the files of this folder")
	mutual := flag.Bool("mutual", false, "ask clients for certificates")
	byHand := flag.Bool("by-hand", false, "say nothing but what is sent by hand")
	flag.Parse()

	c := &control{log: &log{}, address: *address}
	c.plane = newPlane(c.log)
	if *byHand {
		c.hand = newHand(c.log)
	}
	var err error
	if *folder != "" {
		c.tls, err = secure(*folder, *mutual)
	}
	if err == nil {
		err = c.start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if err := c.command(line); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		command, _, _ := strings.Cut(line, " ")
		c.say("done %s", command)
	}
}
