"""What only shows where TLS is spoken."""

import ssl
import subprocess
import threading

import proxy_protocol
import tls_changes
import tls_choices
import tls_refusals
from bootstrap import HOST
from harness import wait_for_lines, wait_until
from languages import FORMS
from raw import Raw
from scenarios import (
    drained,
    everyone_at_once,
    gone_amid_call,
    killed_amid_call,
    of,
    restarted_while_idle,
)
from suite import Suite
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TFileObjectTransport, TFramedTransport
from tls import CLIENT_URI, Mode, before, context_of, expect

FORM = FORMS[0]


def scenarios():
    yield from map(tls, tls_refusals.scenarios())
    for scenario in (
        *tls_choices.SCENARIOS,
        *tls_changes.SCENARIOS,
        *proxy_protocol.SCENARIOS,
        *(resumed, half_closed, ended),
    ):
        yield tls(of(scenario))
    for version in ("tls1_2", "tls1_3"):
        yield tls(of(openssl, version))


def secure_scenarios():
    """Those of the others that may turn out otherwise; on a `SecureBench`."""
    for language in ("python", "go", "java"):
        yield tls(of(killed_amid_call, language, FORM))
    for language in ("python", "go", "thriftpy2"):
        yield tls(of(restarted_while_idle, language, FORM))
    for scenario in (everyone_at_once, gone_amid_call, drained):
        yield tls(of(scenario, FORM))


def tls(item):
    label, scenario = item
    return f"tls {label.removeprefix(': ')}", scenario


def resumed(bench):
    """A client comes back with what it kept of its session, and is known again."""
    parties = bench.parties
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], Mode(None, None, parties.mutual(), None))
    tls = context_of(parties.client)
    session = None
    for number in range(4):
        with Raw(FORM, proxy.port, tls=tls, session=session) as raw:
            raw.suite.ping()
            assert raw.socket.session_reused == bool(number)
            session = raw.socket.session
    expect(proxy, "listener", handshake=4, session_reused=3)
    proxy.settle()


def half_closed(bench):
    """A client that has said goodbye still gets its answers."""
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], bench.parties.mode("downstream"))
    with Raw(FORM, proxy.port, tls=context_of(bench.parties.nameless_client)) as raw:
        raw.suite.send_slow(300)
        raw.suite.send_slow(1)
        raw.socket.settimeout(0)
        try:
            # It waits for the other side to say so too.
            raw.socket.unwrap()
        except ssl.SSLWantReadError:
            pass
        raw.socket.settimeout(10)
        assert raw.suite.recv_slow() == 300
        assert raw.suite.recv_slow() == 1
        try:
            raw.expect_close()
        except ssl.SSLZeroReturnError:
            # How Python tells of the other's goodbye after its own.
            pass
    proxy.settle()


def ended(bench):
    """A proxy that ends says so to those that are busy and to those that are not."""
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], bench.parties.mode("downstream"))
    tls = context_of(bench.parties.nameless_client)
    with Raw(FORM, proxy.port, tls=tls) as busy, Raw(FORM, proxy.port, tls=tls) as idle:
        idle.suite.ping()
        busy.suite.send_slow(1500)
        wait_until(lambda: proxy.stats()["meta_protocol.quick.request_active"], "nobody is busy")
        proxy.terminate()
        idle.expect_close()
        assert busy.suite.recv_slow() == 1500
        busy.expect_close()
    status = proxy.wait(10)
    assert status == 0, f"exit status {status}"


def openssl(version, bench):
    """OpenSSL's own client."""
    parties = bench.parties
    log = bench.folder() / "access.log"
    server = bench.server("go", FORM)
    proxy = before(
        bench,
        [server.port],
        Mode(None, None, parties.mutual(), None),
        access_log=(log, "%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_URI_SAN% %OPERATION%"),
    )
    certificate, key, authority = parties.client.files
    command = [
        *("openssl", "s_client", "-connect", f"{HOST}:{proxy.port}", "-quiet"),
        *("-CAfile", authority, "-cert", certificate, "-key", key, "-verify_return_error"),
    ]

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([*command, f"-{version}"], stderr=subprocess.DEVNULL, **pipes) as child:
        bench.callback(child.kill)
        # A read of its answers has no end otherwise.
        timer = threading.Timer(20, child.kill)
        bench.callback(timer.cancel)
        timer.start()
        suite = Suite.Client(framed(child.stdout), framed(child.stdin))
        assert suite.join(1, "openssl", [2]) == "1 openssl 2"
        assert suite.echoBinary(bytes(100_000)) == bytes(100_000)
        child.kill()
    spoken = {"tls1_2": "TLSv1.2", "tls1_3": "TLSv1.3"}[version]
    wait_for_lines(log, [f"{spoken} {CLIENT_URI} {method}" for method in ("join", "echoBinary")])
    expect(proxy, "listener", handshake=1)

    # It would be content with less than is safe.
    old = [*command, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]
    ended = subprocess.run(old, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    assert ended.returncode, "TLS 1.1 was spoken"
    expect(proxy, "listener", handshake=1, connection_error=1)
    proxy.settle()


def framed(file):
    return TBinaryProtocol(TFramedTransport(TFileObjectTransport(file)))
