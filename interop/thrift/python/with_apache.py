"""The suite through Apache Thrift's library and generated code."""

from suite import Later, Second, Suite
from suite.constants import CONTAINERS, SCALARS
from suite.ttypes import Choice, Colour, Containers, Optionals, Refused, Scalars
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.server.TNonblockingServer import TNonblockingServer
from thrift.server.TServer import TThreadedServer
from thrift.Thrift import TApplicationException as ApplicationException
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.TSocket import TServerSocket, TSocket
from thrift.transport.TTransport import TBufferedTransportFactory, TFramedTransportFactory

TRANSPORTS = {"framed": TFramedTransportFactory, "buffered": TBufferedTransportFactory}
PROTOCOLS = {"binary": TBinaryProtocolFactory, "compact": TCompactProtocolFactory}


def with_sets(containers):
    """The library reads sets as sets."""
    return containers


class Connection:
    """A client's connection; `suite` is the service by its bare method names."""

    def __init__(self, host, port, transport, protocol, timeout):
        socket = TSocket(host, port)
        socket.setTimeout(timeout * 1000)
        self._transport = TRANSPORTS[transport]().getTransport(socket)
        self._protocol = PROTOCOLS[protocol]().getProtocol(self._transport)
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

    def close(self):
        self._transport.close()


def serve(host, port, transport, protocol, nonblocking, suite, second, ready):
    processor = TMultiplexedProcessor()
    processor.registerDefault(Suite.Processor(suite))
    processor.registerProcessor("Suite", Suite.Processor(suite))
    processor.registerProcessor("Second", Second.Processor(second))

    class Listener(TServerSocket):
        def listen(self):
            super().listen()
            ready()

    listener = Listener(host, port)
    protocols = PROTOCOLS[protocol]()
    if nonblocking:
        server = TNonblockingServer(processor, listener, protocols)
    else:
        transports = TRANSPORTS[transport]()
        server = TThreadedServer(processor, listener, transports, protocols, daemon=True)
    server.serve()
