"""The suite through thriftpy2, which reads the IDL as it starts."""

import ssl
from pathlib import Path

import thriftpy2
from thriftpy2.protocol import (
    TCompactProtocolFactory,
    TCyBinaryProtocolFactory,
    TMultiplexedProtocol,
)
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TApplicationException as ApplicationException
from thriftpy2.thrift import TClient, TProcessor
from thriftpy2.transport import (
    TCyBufferedTransportFactory,
    TCyFramedTransportFactory,
    TServerSocket,
    TSocket,
    TSSLServerSocket,
    TSSLSocket,
)

idl = thriftpy2.load(str(Path(__file__).parent.parent / "suite.thrift"), module_name="suite_thrift")

Choice = idl.Choice
Colour = idl.Colour
Containers = idl.Containers
Deep = idl.Deep
Optionals = idl.Optionals
Pair = idl.Pair
Refused = idl.Refused
Scalars = idl.Scalars
SCALARS = idl.SCALARS
CONTAINERS = idl.CONTAINERS
# The library does not convert what stands deeper inside a constant.
CONTAINERS.structs = {k: [idl.Pair(**pair) for pair in v] for k, v in CONTAINERS.structs.items()}

# The library's defaults: what it has in Cython, which is all but the compact protocol.
TRANSPORTS = {"framed": TCyFramedTransportFactory, "buffered": TCyBufferedTransportFactory}
PROTOCOLS = {"binary": TCyBinaryProtocolFactory, "compact": TCompactProtocolFactory}


def with_sets(containers):
    """The library reads sets as lists."""
    containers.nested = [{k: set(v) for k, v in map.items()} for map in containers.nested]
    containers.both = set(containers.both)
    containers.names = set(containers.names)
    return containers


with_sets(CONTAINERS)


class Connection:
    """A client's connection; `suite` is the service by its bare method names."""

    def __init__(self, host, port, transport, protocol, timeout, tls=None):
        if tls:
            files = {"cafile": tls / "ca.pem"}
            if (tls / "cert.pem").exists():
                files |= {"certfile": tls / "cert.pem", "keyfile": tls / "key.pem"}
            socket = TSSLSocket(host, port, socket_timeout=timeout * 1000, **files)
        else:
            socket = TSocket(host, port, socket_timeout=timeout * 1000)
        self._transport = TRANSPORTS[transport]().get_transport(socket)
        self._protocol = PROTOCOLS[protocol]().get_protocol(self._transport)
        self._transport.open()
        self.suite = TClient(idl.Later, self._protocol)

    def multiplexed(self):
        """The services Suite and Second, called as `service:method`."""
        return (
            TClient(idl.Suite, TMultiplexedProtocol(self._protocol, "Suite")),
            TClient(idl.Second, TMultiplexedProtocol(self._protocol, "Second")),
        )

    def send_slow(self, ms):
        self.suite._send("slow", ms=ms)

    def recv_slow(self):
        return self.suite._recv("slow")

    def close(self):
        self._transport.close()


class Processor(TProcessor):
    """Serves `method` and `service:method`.

    The library's own multiplexed processor knows no bare names, and closes the
    connection upon an unknown method.
    """

    def __init__(self, suite, second):
        suite = TProcessor(idl.Suite, suite)
        self._processors = {"": suite, "Suite": suite, "Second": TProcessor(idl.Second, second)}

    def process_in(self, iprot):
        name, kind, seqid = iprot.read_message_begin()
        service, _, method = name.rpartition(":")
        return self._processors[service].process_in(Begun(iprot, (method, kind, seqid)))


class Begun:
    """A protocol whose message begin has been read."""

    def __init__(self, protocol, begin):
        self._protocol = protocol
        self._begin = begin

    def read_message_begin(self):
        return self._begin

    def __getattr__(self, name):
        return getattr(self._protocol, name)


def server_context(tls):
    """The library's own asks clients for no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    if (tls / "ca.pem").exists():
        context.load_verify_locations(tls / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def serve(host, port, transport, protocol, kind, tls, suite, second, ready):
    assert kind == "threaded", f"thriftpy2 has no {kind} server"

    # By default it closes connections after 3 s, also while a call is on its way.
    arguments = {"client_timeout": 60_000}
    if tls:
        arguments["ssl_context"] = server_context(tls)

    class Listener(TSSLServerSocket if tls else TServerSocket):
        def listen(self):
            super().listen()
            ready()

    TThreadedServer(
        Processor(suite, second),
        Listener(host, port, **arguments),
        itrans_factory=TRANSPORTS[transport](),
        iprot_factory=PROTOCOLS[protocol](),
        daemon=True,
    ).serve()
