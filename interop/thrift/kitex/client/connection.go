package main

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/connpool"
	"github.com/cloudwego/kitex/pkg/remote"
	longpool "github.com/cloudwego/kitex/pkg/remote/connpool"
	"github.com/cloudwego/kitex/pkg/remote/trans/netpoll"
	"github.com/cloudwego/kitex/pkg/remote/trans/netpollmux"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/transport"
	"interop/kitex/wire"
	suiteservice "suite/suite/suite"
)

// Longer than any call that succeeds.
const timeout = 20 * time.Second

const caller = "interop.client"

// connection is the suite, and the pool of what Kitex opens for it: one connection
// for a call at a time, and one for all calls where they are multiplexed. Kitex
// closes its connection after an exception or a oneway call, and opens another.
type connection struct {
	suiteservice.Client
	form   *wire.Form
	pool   remote.ConnPool
	dialed atomic.Int32
	// The other clients on the pool: it would be closed with one that is collected.
	others []any
}

func connect(form *wire.Form) (*connection, error) {
	c := &connection{form: form}
	if form.Mux {
		c.pool = netpollmux.NewMuxConnPool(1)
	} else {
		c.pool = longpool.NewLongPool("suite", connpool.IdleConfig{
			MaxIdlePerAddress: 64,
			MaxIdleGlobal:     64,
			MaxIdleTimeout:    time.Minute,
		})
	}
	var err error
	c.Client, err = suiteservice.NewClient("suite", c.options()...)
	return c, err
}

// options are those of every client on the connection.
func (c *connection) options() []client.Option {
	options := []client.Option{
		client.WithHostPorts(c.form.Address()),
		// A protocol is added to the default, which is framed; this one takes that away.
		client.WithTransportProtocol(transport.PurePayload),
		client.WithTransportProtocol(c.form.Transport),
		client.WithCodec(c.form.Codec()),
		client.WithMetaHandler(transmeta.ClientTTHeaderHandler),
		client.WithClientBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: caller}),
		client.WithRPCTimeout(timeout),
		client.WithConnPool(c.pool),
		client.WithDialer(dialer{netpoll.NewDialer(), &c.dialed}),
	}
	if c.form.Mux {
		options = append(options, client.WithTransHandlerFactory(netpollmux.NewCliTransHandlerFactory()))
	}
	return options
}

func (c *connection) close() {
	c.pool.Close()
}

// another makes a client of another service on the connection.
func another[C any](c *connection, make func(string, ...client.Option) (C, error)) (C, error) {
	client, err := make("other", c.options()...)
	c.others = append(c.others, client)
	return client, err
}

// dialer counts the connections.
type dialer struct {
	remote.Dialer
	count *atomic.Int32
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	d.count.Add(1)
	return d.Dialer.DialTimeout(network, address, timeout)
}
