package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	routes "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// hand says to clients whatever it is told, be it as wrong as it may.
type hand struct {
	routes.UnimplementedRouteDiscoveryServiceServer
	log  *log
	mu   sync.Mutex
	last func(response) error
}

// response is what is to be said; what is not given is as it should be.
type response struct {
	Type      string   `json:"type"`
	Version   string   `json:"version"`
	Nonce     string   `json:"nonce"`
	Resources []item   `json:"resources"`
	Removed   []string `json:"removed"`
}

// item is a resource: a table, or any bytes.
type item struct {
	Type  string          `json:"type"`
	Name  string          `json:"name"`
	Table json.RawMessage `json:"table"`
	Bytes []byte          `json:"bytes"`
}

func newHand(log *log) *hand { return &hand{log: log} }

func (h *hand) send(said response) error {
	if said.Type == "" {
		said.Type = resource.RouteType
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		return errors.New("there is no stream")
	}
	return h.last(said)
}

// opened is told of each stream; what it returns, of its end.
func (h *hand) opened(send func(response) error) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = send
	h.log.say("open")
	return func() { h.log.say("closed") }
}

func (i item) any() (*anypb.Any, error) {
	kind, bytes := i.Type, i.Bytes
	if kind == "" {
		kind = resource.RouteType
	}
	if i.Table != nil {
		table := &route.RouteConfiguration{}
		if err := protojson.Unmarshal(i.Table, table); err != nil {
			return nil, err
		}
		encoded, err := proto.Marshal(table)
		if err != nil {
			return nil, err
		}
		bytes = encoded
	}
	return &anypb.Any{TypeUrl: kind, Value: bytes}, nil
}

func (h *hand) StreamRoutes(stream routes.RouteDiscoveryService_StreamRoutesServer) error {
	defer h.opened(func(said response) error {
		raw := &discovery.DiscoveryResponse{
			VersionInfo: said.Version,
			TypeUrl:     said.Type,
			Nonce:       said.Nonce,
		}
		for _, item := range said.Resources {
			any, err := item.any()
			if err != nil {
				return err
			}
			raw.Resources = append(raw.Resources, any)
		}
		return stream.Send(raw)
	})()
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		h.log.asked(request)
	}
}

func (h *hand) DeltaRoutes(stream routes.RouteDiscoveryService_DeltaRoutesServer) error {
	defer h.opened(func(said response) error {
		raw := &discovery.DeltaDiscoveryResponse{
			SystemVersionInfo: said.Version,
			TypeUrl:           said.Type,
			Nonce:             said.Nonce,
			RemovedResources:  said.Removed,
		}
		for _, item := range said.Resources {
			any, err := item.any()
			if err != nil {
				return err
			}
			wrapper := &discovery.Resource{Name: item.Name, Version: said.Version, Resource: any}
			raw.Resources = append(raw.Resources, wrapper)
		}
		return stream.Send(raw)
	})()
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		h.log.askedDelta(request)
	}
}

func (h *hand) FetchRoutes(context.Context, *discovery.DiscoveryRequest) (*discovery.DiscoveryResponse, error) {
	return nil, errors.New("only streams are served")
}
