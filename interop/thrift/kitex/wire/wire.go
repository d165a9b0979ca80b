// Package wire names the forms that client and server share.
package wire

import (
	"flag"
	"log"
	"net"

	"github.com/cloudwego/kitex/pkg/remote"
	"github.com/cloudwego/kitex/pkg/remote/codec"
	"github.com/cloudwego/kitex/transport"
)

// Form is what a command line says of the connection.
type Form struct {
	host, port, transport, protocol string
	kind
}

type kind struct {
	// What a client sends. A server detects it.
	Transport transport.Protocol
	// Answers may come in another order than the calls.
	Mux bool
	// Payloads are checked against a sum in the header.
	checksum bool
}

var kinds = map[string]kind{
	"buffered":              {Transport: transport.PurePayload},
	"framed":                {Transport: transport.Framed},
	"ttheader":              {Transport: transport.TTHeader},
	"ttheader-framed":       {Transport: transport.TTHeaderFramed},
	"ttheader-checksum":     {Transport: transport.TTHeaderFramed, checksum: true},
	"ttheader-mux":          {Transport: transport.TTHeader, Mux: true},
	"ttheader-mux-checksum": {Transport: transport.TTHeader, Mux: true, checksum: true},
}

// Parse reads the command line. It takes the form's flags and those registered before.
func Parse() *Form {
	var form Form
	flag.StringVar(&form.host, "host", "127.0.0.1", "")
	flag.StringVar(&form.port, "port", "0", "")
	flag.StringVar(&form.transport, "transport", "", "buffered, framed, ttheader or ttheader-…")
	flag.StringVar(&form.protocol, "protocol", "binary", "Kitex has no other")
	flag.Parse()
	kind, ok := kinds[form.transport]
	if !ok || form.protocol != "binary" {
		log.Fatalf("unknown form %q %q", form.transport, form.protocol)
	}
	form.kind = kind
	return &form
}

// Address is where the server listens.
func (f *Form) Address() string {
	return net.JoinHostPort(f.host, f.port)
}

// Codec writes the form, and reads any.
func (f *Form) Codec() remote.Codec {
	return codec.NewDefaultCodecWithConfig(codec.CodecConfig{CRC32Check: f.checksum})
}
