package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"dubbo.apache.org/dubbo-go/v3/client"
)

var (
	references      = map[string]*suite{}
	referencesMutex sync.Mutex
)

// refer is a client of the suite at options["port"]; it is made once.
func refer(options map[string]string) (*suite, error) {
	key := options["port"] + " " + options["timeout"] + " " + options["interface"]
	referencesMutex.Lock()
	defer referencesMutex.Unlock()
	if known, ok := references[key]; ok {
		return known, nil
	}
	timeout := 10 * time.Second
	if ms, err := strconv.Atoi(options["timeout"]); err == nil {
		timeout = time.Duration(ms) * time.Millisecond
	}
	name := options["interface"]
	if name == "" {
		name = suiteName
	}
	cli, err := client.NewClient(
		client.WithClientNoCheck(),
		client.WithClientRequestTimeout(timeout),
	)
	if err != nil {
		return nil, err
	}
	made := new(suite)
	_, err = cli.DialWithService(name, made,
		client.WithProtocolDubbo(),
		client.WithURL("dubbo://127.0.0.1:"+options["port"]),
		client.WithSerialization("hessian2"),
		client.WithRequestTimeout(timeout),
		client.WithRetries(0),
	)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	references[key] = made
	return made, nil
}
