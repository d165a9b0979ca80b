// A control plane of go-control-plane that does what its standard input says, one
// command a line, and tells on its standard output what clients say.
//
//	set VERSION NAME=CLUSTER...   serve these tables, of one route each
//	raw VERSION NAME KIND         serve a table that is wrong: nohost, twohosts, noaction
//	stop | start                  stop serving, or serve again on the same port
//	stall | resume                leave requests unread, or read on
//
// Lines out: `listening ADDRESS`, `done COMMAND`, `open`, `closed`,
// `ack VERSION NONCE`, `nack REASON`, `ask NAME,NAME`.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	routes "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
)

// every node is served the same.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

type plane struct {
	cache   cache.SnapshotCache
	address string
	grpc    *grpc.Server
	stalled sync.Mutex
	output  sync.Mutex
}

func (p *plane) say(format string, arguments ...any) {
	p.output.Lock()
	defer p.output.Unlock()
	fmt.Printf(format+"\n", arguments...)
}

func (p *plane) callbacks() server.Callbacks {
	return server.CallbackFuncs{
		StreamOpenFunc: func(context.Context, int64, string) error {
			p.say("open")
			return nil
		},
		StreamClosedFunc: func(int64, *core.Node) { p.say("closed") },
		StreamRequestFunc: func(_ int64, request *discovery.DiscoveryRequest) error {
			p.stalled.Lock()
			p.stalled.Unlock()
			switch {
			case request.ErrorDetail != nil:
				p.say("nack %s", oneLine(request.ErrorDetail.Message))
			case request.ResponseNonce != "":
				p.say("ack %s %s", request.VersionInfo, request.ResponseNonce)
			default:
				p.say("ask %s", strings.Join(request.ResourceNames, ","))
			}
			return nil
		},
		DeltaStreamOpenFunc: func(context.Context, int64, string) error {
			p.say("open")
			return nil
		},
		DeltaStreamClosedFunc: func(int64, *core.Node) { p.say("closed") },
		StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
			p.stalled.Lock()
			p.stalled.Unlock()
			switch {
			case request.ErrorDetail != nil:
				p.say("nack %s", oneLine(request.ErrorDetail.Message))
			case request.ResponseNonce != "":
				p.say("ack - %s", request.ResponseNonce)
			default:
				p.say("ask %s", strings.Join(request.ResourceNamesSubscribe, ","))
			}
			return nil
		},
	}
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

func (p *plane) start() error {
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.address = listener.Addr().String()
	p.grpc = grpc.NewServer()
	service := server.NewServer(context.Background(), p.cache, p.callbacks())
	routes.RegisterRouteDiscoveryServiceServer(p.grpc, service)
	discovery.RegisterAggregatedDiscoveryServiceServer(p.grpc, service)
	serving := p.grpc
	go func() { _ = serving.Serve(listener) }()
	p.say("listening %s", p.address)
	return nil
}

func to(name, cluster string) *route.RouteConfiguration {
	return &route.RouteConfiguration{
		Name: name,
		VirtualHosts: []*route.VirtualHost{{
			Name:    "dummy",
			Domains: []string{"*"},
			Routes: []*route.Route{{
				Name:  "all",
				Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: "/"}},
				Action: &route.Route_Route{Route: &route.RouteAction{
					ClusterSpecifier: &route.RouteAction_Cluster{Cluster: cluster},
				}},
			}},
		}},
	}
}

func wrong(name, kind string) *route.RouteConfiguration {
	table := to(name, "nowhere")
	switch kind {
	case "nohost":
		table.VirtualHosts = nil
	case "twohosts":
		table.VirtualHosts = append(table.VirtualHosts, table.VirtualHosts[0])
	case "noaction":
		table.VirtualHosts[0].Routes[0].Action = nil
	}
	return table
}

func (p *plane) set(version string, tables []types.Resource) error {
	snapshot, err := cache.NewSnapshot(version, map[resource.Type][]types.Resource{
		resource.RouteType: tables,
	})
	if err != nil {
		return err
	}
	return p.cache.SetSnapshot(context.Background(), "everyone", snapshot)
}

func (p *plane) command(words []string) error {
	switch words[0] {
	case "set":
		var tables []types.Resource
		for _, word := range words[2:] {
			name, cluster, _ := strings.Cut(word, "=")
			tables = append(tables, to(name, cluster))
		}
		return p.set(words[1], tables)
	case "raw":
		return p.set(words[1], []types.Resource{wrong(words[2], words[3])})
	case "stop":
		p.grpc.Stop()
		return nil
	case "start":
		return p.start()
	case "stall":
		p.stalled.Lock()
		return nil
	case "resume":
		p.stalled.Unlock()
		return nil
	}
	return fmt.Errorf("no such command: %s", words[0])
}

func main() {
	p := &plane{
		cache:   cache.NewSnapshotCache(false, everyone{}, nil),
		address: "127.0.0.1:0",
	}
	if err := p.start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if err := p.command(words); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		p.say("done %s", words[0])
	}
}
