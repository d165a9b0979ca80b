package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/protobuf/encoding/protojson"
)

// every node is served the same.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

// plane is what go-control-plane serves.
type plane struct {
	log     *log
	cache   cache.SnapshotCache
	stalled sync.Mutex
}

func newPlane(log *log) *plane {
	return &plane{log: log, cache: cache.NewSnapshotCache(false, everyone{}, nil)}
}

func (p *plane) callbacks() server.Callbacks {
	opened := func(context.Context, int64, string) error {
		p.log.say("open")
		return nil
	}
	closed := func(int64, *core.Node) { p.log.say("closed") }
	return server.CallbackFuncs{
		StreamOpenFunc:        opened,
		DeltaStreamOpenFunc:   opened,
		StreamClosedFunc:      closed,
		DeltaStreamClosedFunc: closed,
		StreamRequestFunc: func(_ int64, request *discovery.DiscoveryRequest) error {
			p.wait()
			p.log.asked(request)
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
			p.wait()
			p.log.askedDelta(request)
			return nil
		},
	}
}

// wait returns as soon as the plane is not stalled.
func (p *plane) wait() {
	p.stalled.Lock()
	defer p.stalled.Unlock()
}

func (p *plane) set(version string, words []string) error {
	var tables []types.Resource
	for _, word := range words {
		name, cluster, _ := strings.Cut(word, "=")
		tables = append(tables, to(name, cluster))
	}
	return p.put(version, tables)
}

func (p *plane) setWrong(version, name, kind string) error {
	table := to(name, "nowhere")
	switch kind {
	case "nohost":
		table.VirtualHosts = nil
	case "twohosts":
		table.VirtualHosts = append(table.VirtualHosts, table.VirtualHosts[0])
	case "noaction":
		table.VirtualHosts[0].Routes[0].Action = nil
	default:
		return fmt.Errorf("nothing is wrong in this way: %s", kind)
	}
	return p.put(version, []types.Resource{table})
}

// serve serves tables that are written out, whatever is wrong with them.
func (p *plane) serve(version string, text []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	var tables []types.Resource
	for _, one := range raw {
		table := &route.RouteConfiguration{}
		if err := protojson.Unmarshal(one, table); err != nil {
			return err
		}
		tables = append(tables, table)
	}
	return p.put(version, tables)
}

func (p *plane) put(version string, tables []types.Resource) error {
	snapshot, err := cache.NewSnapshot(version, map[resource.Type][]types.Resource{
		resource.RouteType: tables,
	})
	if err != nil {
		return err
	}
	return p.cache.SetSnapshot(context.Background(), "everyone", snapshot)
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
