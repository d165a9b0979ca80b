// Package wire names the transports and protocols that client and server share.
package wire

import (
	"flag"
	"log"
	"net"
	"strconv"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
)

// Form is what a command line says of the connection.
type Form struct {
	host, transport, protocol, tls string
	port                           int
}

// Flags registers the form's flags.
func Flags() *Form {
	var form Form
	flag.StringVar(&form.host, "host", "127.0.0.1", "")
	flag.IntVar(&form.port, "port", 0, "")
	flag.StringVar(&form.transport, "transport", "", "framed, buffered, header or header-zlib")
	flag.StringVar(&form.protocol, "protocol", "", "binary, compact or json")
	flag.StringVar(&form.tls, "tls", "", "folder of certificates, as in certificates.py")
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
	case "header", "header-zlib":
		return thrift.NewTHeaderTransportFactoryConf(nil, f.headers())
	}
	log.Fatalf("unknown transport %q", f.transport)
	return nil
}

// Protocols makes the protocol upon a transport.
func (f *Form) Protocols() thrift.TProtocolFactory {
	if strings.HasPrefix(f.transport, "header") {
		return thrift.NewTHeaderProtocolFactoryConf(f.headers())
	}
	switch f.protocol {
	case "binary":
		return thrift.NewTBinaryProtocolFactoryConf(nil)
	case "compact":
		return thrift.NewTCompactProtocolFactoryConf(nil)
	case "json":
		return thrift.NewTJSONProtocolFactory()
	}
	log.Fatalf("unknown protocol %q", f.protocol)
	return nil
}

// headers says what is inside, to which a server keeps only if its client does.
func (f *Form) headers() *thrift.TConfiguration {
	config := &thrift.TConfiguration{}
	switch f.protocol {
	case "binary":
		config.THeaderProtocolID = new(thrift.THeaderProtocolBinary)
	case "compact":
		config.THeaderProtocolID = new(thrift.THeaderProtocolCompact)
	default:
		log.Fatalf("no headers around protocol %q", f.protocol)
	}
	if f.transport == "header-zlib" {
		config.THeaderTransforms = []thrift.THeaderTransformID{thrift.TransformZlib}
	}
	return config
}
