"""Who shows whom which certificate."""

import ssl
import time
from typing import NamedTuple

from bootstrap import HOST, cluster, downstream_tls, filter_chain, upstream_tls
from certificates import Authority, Folder

COUNTERS = [
    "handshake",
    "session_reused",
    "connection_error",
    "fail_verify_no_cert",
    "fail_verify_error",
    "fail_verify_san",
    "fail_verify_cert_hash",
    "not_tls",
    "handshake_timeout",
    "handshake_overflow",
]
CLIENT_URI = "spiffe://interop/client"
CLIENT_SAN = ("URI", CLIENT_URI)
SERVER_NAME = "server.test"
SERVER_SAN = ("DNS", SERVER_NAME)


class Mode(NamedTuple):
    """Where TLS is spoken; None is in the clear."""

    client: Folder | None
    server: Folder | None
    downstream: dict | None
    upstream: dict | None


NOWHERE = Mode(None, None, None, None)


class Parties:
    """A proxy, a client and a server, who trust one authority."""

    def __init__(self, path):
        self._path = path
        self.authority = Authority("interop")
        self.other_authority = Authority("other")
        self.proxy = self.party("proxy", self.authority.issue("proxy.test"))
        self.client = self.party("client", self.client_identity(self.authority))
        self.server = self.party("server", self.server_identity(self.authority))
        # They ask for no certificate, or have none.
        self.lax_server = Folder(path / "lax-server", self.server_identity(self.authority))
        self.nameless_client = self.party("nameless-client")

    def party(self, name, identity=None, trusted=None):
        return Folder(self._path / name, identity, trusted or self.authority)

    @staticmethod
    def client_identity(authority, uri=CLIENT_URI, **other):
        return authority.issue("client.test", uris=[uri], **other)

    @staticmethod
    def server_identity(authority, name=SERVER_NAME, **other):
        return authority.issue(name, **other)

    def mode(self, name):
        return {
            "downstream": Mode(self.nameless_client, None, downstream_tls(self.proxy), None),
            "upstream": Mode(None, self.lax_server, None, self.to_server(own=None)),
            "both": Mode(self.client, self.server, self.mutual(), self.to_server(self.proxy)),
        }[name]

    def mutual(self):
        """What the listener is told, to take the client alone."""
        return downstream_tls(self.proxy, mutual=True, sans=[CLIENT_SAN])

    def to_server(self, own, trusted=None):
        """What the cluster is told, to talk to the server alone."""
        return upstream_tls(own, trusted or self.proxy, SERVER_NAME, [SERVER_SAN])


def before(bench, ports, mode, **options):
    """A proxy before the servers at these ports."""
    return bench.configured_proxy(
        [filter_chain(bench.protocol, [(None, "quick")], mode.downstream, **options)],
        [cluster("quick", ports, mode.upstream)],
    )


def context_of(folder, protocols=()):
    """A client's, for Python's own sockets."""
    context = ssl.create_default_context(cafile=folder.path / "ca.pem")
    if (folder.path / "cert.pem").exists():
        context.load_cert_chain(folder.path / "cert.pem", folder.path / "key.pem")
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def expect_only_handshakes(proxy, mode):
    """None has failed, on any side where TLS is spoken."""
    for side, tls in [("listener", mode.downstream), ("cluster", mode.upstream)]:
        stats = counted(proxy, side)
        done, reused = stats["handshake"], stats["session_reused"]
        assert bool(done) == bool(tls), f"{done} handshakes of the {side}"
        expect(proxy, side, handshake=done, session_reused=reused)


def expect(proxy, side, **counts):
    """So many handshakes of the listener or the cluster have come to this. They are
    counted when they end, which the other side may see before."""
    want = dict.fromkeys(COUNTERS, 0) | counts
    deadline = time.monotonic() + 5
    while (got := counted(proxy, side)) != want and time.monotonic() < deadline:
        time.sleep(0.02)
    wrong = {
        name: f"{got[name]}, not {count}" for name, count in want.items() if got[name] != count
    }
    assert not wrong, f"handshakes of the {side}: {wrong}"


def counted(proxy, side):
    prefix = {"listener": f"listener.{HOST}_{proxy.port}", "cluster": "cluster.quick"}[side]
    stats = proxy.stats()
    return {name: stats.get(f"{prefix}.ssl.{name}", 0) for name in COUNTERS}
