"""The suite through Apache Thrift's library and generated code."""

import ssl
import threading

import untyped
from suite import Later, Second, Suite
from suite.constants import CONTAINERS, SCALARS
from suite.ttypes import Choice, Colour, Containers, Deep, Optionals, Pair, Refused, Scalars
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.protocol.THeaderProtocol import THeaderProtocolFactory
from thrift.protocol.TJSONProtocol import TJSONProtocolFactory
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.server.TNonblockingServer import TNonblockingServer
from thrift.server.TServer import TThreadedServer, TThreadPoolServer
from thrift.Thrift import TApplicationException as ApplicationException
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.THeaderTransport import (
    THeaderClientType,
    THeaderSubprotocolID,
    THeaderTransformID,
)
from thrift.transport.TSocket import TServerSocket, TSocket
from thrift.transport.TSSLSocket import TSSLServerSocket, TSSLSocket
from thrift.transport.TTransport import (
    TBufferedTransportFactory,
    TFramedTransportFactory,
    TTransportFactoryBase,
)


class HeaderProtocols(THeaderProtocolFactory):
    """Headers around a protocol, which a server lets its client choose, as it does
    whether there are headers at all."""

    def __init__(self, inner, zlib):
        clients = vars(THeaderClientType)
        clients = [value for name, value in clients.items() if name.isupper()]
        super().__init__(clients, inner)
        self._zlib = zlib

    def getProtocol(self, transport):
        protocol = super().getProtocol(transport)
        if self._zlib:
            protocol.add_transform(THeaderTransformID.ZLIB)
        return protocol


TRANSPORTS = {
    "framed": TFramedTransportFactory,
    "buffered": TBufferedTransportFactory,
    # The protocol brings its own.
    "header": TTransportFactoryBase,
    "header-zlib": TTransportFactoryBase,
}
PROTOCOLS = {
    "binary": TBinaryProtocolFactory,
    "compact": TCompactProtocolFactory,
    "json": TJSONProtocolFactory,
}
INNER = {"binary": THeaderSubprotocolID.BINARY, "compact": THeaderSubprotocolID.COMPACT}


def protocol_factory(transport, protocol):
    if transport.startswith("header"):
        return HeaderProtocols(INNER[protocol], zlib=transport == "header-zlib")
    return PROTOCOLS[protocol]()


def with_sets(containers):
    """The library reads sets as sets."""
    return containers


def certificates(folder):
    """The arguments for what is in the folder; a party need not have all of it."""
    files = {"certfile": "cert.pem", "keyfile": "key.pem", "ca_certs": "ca.pem"}
    files = {argument: folder / name for argument, name in files.items()}
    return {argument: str(path) for argument, path in files.items() if path.exists()}


class Connection:
    """A client's connection; `suite` is the service by its bare method names."""

    def __init__(self, host, port, transport, protocol, timeout, tls=None):
        if tls:
            socket = TSSLSocket(host, port, **certificates(tls))
        else:
            socket = TSocket(host, port)
        socket.setTimeout(timeout * 1000)
        self._transport = TRANSPORTS[transport]().getTransport(socket)
        self._protocol = protocol_factory(transport, protocol).getProtocol(self._transport)
        self._transport.open()
        self.suite = Later.Client(self._protocol)

    def multiplexed(self):
        """The services Suite and Second, called as `service:method`."""
        return (
            Suite.Client(TMultiplexedProtocol(self._protocol, "Suite")),
            Second.Client(TMultiplexedProtocol(self._protocol, "Second")),
        )

    def send_slow(self, ms):
        self.suite.send_slow(ms)

    def recv_slow(self):
        return self.suite.recv_slow()

    def set_headers(self, headers):
        """The next call's."""
        for key, value in headers.items():
            self._protocol.set_header(key.encode(), value.encode())

    def headers(self):
        """The last reply's."""
        return decoded(self._protocol.get_headers())

    def echo_untyped(self, value):
        return untyped.echo(self._protocol, value)

    def close(self):
        self._transport.close()


def decoded(headers):
    return {key.decode(): value.decode() for key, value in headers.items()}


class Processor(TMultiplexedProcessor):
    """Tells the handler, which is not told, what protocol its call came by."""

    current = threading.local()

    def process(self, iprot, oprot):
        self.current.protocol = iprot
        return super().process(iprot, oprot)


def headers(reply):
    """The handler's method."""
    protocol = Processor.current.protocol
    for key, value in reply.items():
        protocol.set_header(key.encode(), value.encode())
    return decoded(protocol.get_headers())


def serve(host, port, transport, protocol, kind, tls, suite, second, ready):
    suite.headers = headers
    services = Suite.Processor(suite)
    services._processMap[untyped.METHOD] = untyped.process
    processor = Processor()
    processor.registerDefault(services)
    processor.registerProcessor("Suite", services)
    processor.registerProcessor("Second", Second.Processor(second))

    arguments = {}
    if tls:
        arguments = {"ssl_version": ssl.PROTOCOL_TLS_SERVER, **certificates(tls)}
        if "ca_certs" in arguments:
            arguments["cert_reqs"] = ssl.CERT_REQUIRED

    class Listener(TSSLServerSocket if tls else TServerSocket):
        def listen(self):
            super().listen()
            ready()

    listener = Listener(host, port, **arguments)
    protocols = protocol_factory(transport, protocol)
    transports = TRANSPORTS[transport]()
    if kind == "nonblocking":
        server = TNonblockingServer(processor, listener, protocols)
    elif kind == "pool":
        server = TThreadPoolServer(processor, listener, transports, protocols, daemon=True)
        # As many as there will be connections.
        server.setNumThreads(100)
    else:
        server = TThreadedServer(processor, listener, transports, protocols, daemon=True)
    server.serve()
