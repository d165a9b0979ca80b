// Package wire names the transports and protocols that client and server share.
package wire

import (
	"flag"
	"log"
	"net"
	"strconv"

	"github.com/apache/thrift/lib/go/thrift"
)

// Form is what a command line says of the connection.
type Form struct {
	host, transport, protocol string
	port                      int
}

// Flags registers the form's flags.
func Flags() *Form {
	var form Form
	flag.StringVar(&form.host, "host", "127.0.0.1", "")
	flag.IntVar(&form.port, "port", 0, "")
	flag.StringVar(&form.transport, "transport", "", "framed or buffered")
	flag.StringVar(&form.protocol, "protocol", "", "binary or compact")
	return &form
}

// Address is where the server listens.
func (f *Form) Address() string {
	return net.JoinHostPort(f.host, strconv.Itoa(f.port))
}

// Transports makes the transport around a socket.
func (f *Form) Transports() thrift.TTransportFactory {
	switch f.transport {
	case "framed":
		return thrift.NewTFramedTransportFactoryConf(thrift.NewTTransportFactory(), nil)
	case "buffered":
		return thrift.NewTBufferedTransportFactory(4096)
	}
	log.Fatalf("unknown transport %q", f.transport)
	return nil
}

// Protocols makes the protocol upon a transport.
func (f *Form) Protocols() thrift.TProtocolFactory {
	switch f.protocol {
	case "binary":
		return thrift.NewTBinaryProtocolFactoryConf(nil)
	case "compact":
		return thrift.NewTCompactProtocolFactoryConf(nil)
	}
	log.Fatalf("unknown protocol %q", f.protocol)
	return nil
}
