// Command server serves the suite; it prints `ready` when it listens, and upon
// SIGTERM answers what it has before it ends.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/server"
	"interop/kitex/wire"
	headerservice "suite/header/header"
	"suite/suite/second"
	suiteservice "suite/suite/suite"
)

func main() {
	idl := flag.String("generic", "", "the IDL to serve without generated code")
	form := wire.Parse()
	klog.SetLevel(klog.LevelWarn)

	listener, err := net.Listen("tcp", form.Address())
	if err != nil {
		log.Fatal(err)
	}
	options := []server.Option{
		server.WithListener(listener),
		server.WithCodec(form.Codec()),
		server.WithMetaHandler(transmeta.ServerTTHeaderHandler),
		server.WithEnableContextTimeout(true),
		server.WithExitWaitTime(5 * time.Second),
	}
	if form.Mux {
		options = append(options, server.WithMuxTransport())
	}
	s := server.NewServer(options...)
	if *idl == "" {
		register(s)
	} else if err := registerGeneric(s, *idl); err != nil {
		log.Fatal(err)
	}
	// It listens already, and answers what comes before it runs.
	fmt.Println("ready")
	if err := s.Run(); err != nil {
		log.Fatal(err)
	}
}

func register(s server.Server) {
	err := suiteservice.RegisterService(s, &suiteHandler{notified: newCounter()}, server.WithFallbackService())
	if err == nil {
		err = second.RegisterService(s, &secondHandler{})
	}
	if err == nil {
		err = headerservice.RegisterService(s, &headerHandler{expired: newCounter()})
	}
	if err != nil {
		log.Fatal(err)
	}
}
