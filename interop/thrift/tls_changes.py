"""Certificates and authorities that are replaced while the proxy runs."""

import os

from bootstrap import downstream_tls
from certificates import Folder
from harness import wait_until
from languages import FORMS
from processes import REFUSED_MS
from raw import Raw
from thrift.Thrift import TApplicationException
from thrift.transport.TTransport import TTransportException
from tls import Mode, before, context_of, expect

FORM = FORMS[0]


def renewed(bench):
    """A new certificate is for new connections, and one that is none for nobody."""
    parties = bench.parties
    folder = parties.party("renewed", parties.authority.issue("proxy.test"))

    def renew(identity):
        folder.show(identity)

    proxy, served = renewals(bench, folder, renew)
    last = served()
    path = folder.path / "cert.pem"
    path.write_bytes(path.read_bytes()[:100])
    await_failed_update(proxy)
    assert served() == last, "the last good certificate is not shown"
    proxy.settle()


def renewed_by_link(bench):
    """The same as Kubernetes does it: all files change at once."""
    parties = bench.parties
    first = parties.party("first", parties.authority.issue("proxy.test"))
    mount = Mount(bench.folder() / "mount", first)

    def renew(identity):
        mount.point(parties.party(f"renewed {identity.serial}", identity))

    proxy, _ = renewals(bench, mount, renew)
    proxy.settle()


def renewals(bench, folder, renew):
    """The proxy, and a function that says whose certificate a new connection sees."""
    parties = bench.parties
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], Mode(None, None, downstream_tls(folder, True), None))
    tls = context_of(parties.client)

    def served():
        with Raw(FORM, proxy.port, tls=tls) as raw:
            raw.suite.ping()
            return serial_of(raw)

    client = bench.client("java", FORM, proxy.port, tls=parties.client)
    client.run("void")
    with Raw(FORM, proxy.port, tls=tls) as old:
        first = serial_of(old)
        for name in ("second.test", "third.test"):
            identity = parties.authority.issue(name)
            renew(identity)
            wait_until(lambda: served() == identity.serial, f"{name} is not shown")
            old.suite.ping()
            client.run("structs")
        assert serial_of(old) == first
    client.kill()
    return proxy, served


def new_authority(bench):
    """Clients of the old one are refused from then on, but for those who are there."""
    parties = bench.parties
    folder = parties.party("proxy of two", parties.authority.issue("proxy.test"))
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], Mode(None, None, downstream_tls(folder, True), None))
    newcomer = parties.party("newcomer", parties.client_identity(parties.other_authority))

    def answered(party):
        try:
            with Raw(FORM, proxy.port, tls=context_of(party)) as raw:
                raw.suite.ping()
        except (OSError, TTransportException):
            return False
        return True

    assert not answered(newcomer)
    client = bench.client("go", FORM, proxy.port, tls=parties.client)
    client.run("void")
    folder.trust(parties.other_authority)
    wait_until(lambda: answered(newcomer), "the new authority's client is refused")
    assert not answered(parties.client), "the old authority's client is not refused"
    client.run("structs")
    client.kill()
    proxy.settle()


def new_authority_of_servers(bench):
    """All servers move to another authority, and want it of the proxy."""
    parties = bench.parties
    folder = parties.party("own", parties.server_identity(parties.authority))
    server = bench.server("python", FORM, tls=parties.server)
    mode = Mode(None, None, None, parties.to_server(folder, folder))
    proxy = before(bench, [server.port], mode)
    client = bench.client("go", FORM, proxy.port)
    client.run("void")

    other = parties.other_authority
    moved = parties.party("moved", parties.server_identity(other), trusted=other)
    server.kill()
    bench.server("python", FORM, server.port, tls=moved)
    client.run("failing", within_ms=REFUSED_MS)
    expect(proxy, "cluster", handshake=1, fail_verify_error=1)
    folder.show(parties.server_identity(other))
    folder.trust(other)
    with Raw(FORM, proxy.port) as raw:
        wait_until(lambda: succeeds(raw.suite.ping), "the new authority's server is refused")
    client.run("structs")
    client.kill()
    proxy.settle()


def succeeds(call):
    try:
        call()
    except TApplicationException:
        return False
    return True


class Mount(Folder):
    """Files that are links, by way of one link, into a folder."""

    def __init__(self, path, folder):
        self.path = path
        path.mkdir()
        for file in folder.path.iterdir():
            (path / file.name).symlink_to(f"..data/{file.name}")
        self.point(folder)

    def point(self, folder):
        """At another folder."""
        new = self.path / "..new"
        new.symlink_to(folder.path)
        os.rename(new, self.path / "..data")


def serial_of(raw):
    """Of the certificate that the proxy has shown."""
    return int(raw.socket.getpeercert()["serialNumber"], 16)


def await_failed_update(proxy):
    def failed():
        stats = proxy.stats()
        name = "ssl_context_update_failed"
        return any(value for key, value in stats.items() if key.endswith(name))

    wait_until(failed, "the broken certificate is not noticed")


SCENARIOS = [renewed, renewed_by_link, new_authority, new_authority_of_servers]
