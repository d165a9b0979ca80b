package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
)

// log tells what clients say.
type log struct {
	output sync.Mutex
}

// refusal is what a client says of a response that it does not take.
type refusal struct {
	// The last version that it took; in state of the world.
	Version string `json:"version"`
	Nonce   string `json:"nonce"`
	Type    string `json:"type"`
	Code    int32  `json:"code"`
	Reason  string `json:"reason"`
}

func (l *log) say(format string, arguments ...any) {
	l.output.Lock()
	defer l.output.Unlock()
	fmt.Printf(format+"\n", arguments...)
}

func (l *log) asked(request *discovery.DiscoveryRequest) {
	version := request.VersionInfo
	l.said(version, request.ResponseNonce, request.TypeUrl, request.ErrorDetail, request.ResourceNames)
}

func (l *log) askedDelta(request *discovery.DeltaDiscoveryRequest) {
	names := request.ResourceNamesSubscribe
	l.said("-", request.ResponseNonce, request.TypeUrl, request.ErrorDetail, names)
}

func (l *log) said(version, nonce, kind string, wrong *status.Status, names []string) {
	switch {
	case wrong != nil:
		text, _ := json.Marshal(refusal{version, nonce, kind, wrong.Code, wrong.Message})
		l.say("nack %s", text)
	case nonce != "":
		l.say("ack %s %s", version, nonce)
	default:
		l.say("ask %s", strings.Join(names, ","))
	}
}
