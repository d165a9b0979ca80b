"""Apache's Python client upon a socket that the scenario holds."""

import socket

import with_apache
from harness import HOST
from suite import Suite
from thrift.transport.TSocket import TSocket


class Raw:
    """`suite` is the service; more forms may follow on the same connection."""

    def __init__(self, form, port, protocols=None, tls=None, server_name=HOST, session=None):
        self.socket = socket.create_connection((HOST, port), timeout=10)
        if tls:
            # It says so where TLS was not ended as it should be.
            self.socket = tls.wrap_socket(
                self.socket,
                server_hostname=server_name,
                session=session,
                suppress_ragged_eofs=False,
            )
        self.suite = self.as_form(form, protocols)

    def as_form(self, form, protocols=None):
        transport = TSocket()
        transport.setHandle(self.socket)
        transport = with_apache.TRANSPORTS[form.transport]().getTransport(transport)
        protocols = protocols or with_apache.protocol_factory(form.transport, form.protocol)
        return Suite.Client(protocols.getProtocol(transport))

    def expect_close(self):
        assert self.socket.recv(1) == b"", "more than the answers"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
