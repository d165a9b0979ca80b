"""The PROXY protocol, as HAProxy speaks it."""

import shutil
import socket

from bootstrap import HOST, PROXY_PROTOCOL, TLS_INSPECTOR, cluster, filter_chain
from harness import Process, free_port, wait_for_lines, wait_until
from languages import FORMS
from raw import Raw
from tls import context_of

FORM = FORMS[0]
VERSIONS = {"v1": "send-proxy", "v2": "send-proxy-v2"}


class HaProxy(Process):
    """A port for each version, before the proxy."""

    def __init__(self, folder, port):
        self.ports = {version: free_port() for version in VERSIONS}
        self._ready = free_port()
        config = folder / "haproxy.cfg"
        config.write_text(self._config(port))
        # Debian has it where users do not look.
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        super().__init__("haproxy", [program, "-db", "-f", config])

    def _config(self, port):
        lines = [
            "global",
            "  maxconn 100",
            "defaults",
            "  mode tcp",
            *(f"  timeout {what} 30s" for what in ("connect", "client", "server")),
        ]
        for version, option in VERSIONS.items():
            lines += [
                f"listen {version}",
                f"  bind {HOST}:{self.ports[version]}",
                # Its own connections, to see whether the proxy is there, speak for nobody.
                f"  server proxy {HOST}:{port} {option} check check-send-proxy inter 100ms",
            ]
        lines += [
            "frontend ready",
            f"  bind {HOST}:{self._ready}",
            "  tcp-request connection reject",
        ]
        return "\n".join(lines) + "\n"

    def wait_ready(self):
        wait_until(lambda: listens(self._ready), "haproxy does not listen")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def behind_haproxy(bench, secure=False):
    """The access log has the clients' addresses, and routes know no others."""
    parties = bench.parties
    log = bench.folder() / "access.log"
    server = bench.server("go", FORM)
    chain = filter_chain(
        "thrift",
        [(None, "quick")],
        parties.mutual() if secure else None,
        access_log=(log, "%DOWNSTREAM_REMOTE_ADDRESS% %OPERATION%"),
    )
    filters = [PROXY_PROTOCOL, *([TLS_INSPECTOR] if secure else [])]
    proxy = bench.configured_proxy([chain], [cluster("quick", [server.port])], filters)
    haproxy = bench.start(lambda: HaProxy(bench.folder(), proxy.port))
    want = []
    for version in VERSIONS:
        tls = context_of(parties.client) if secure else None
        with Raw(FORM, haproxy.ports[version], tls=tls) as raw:
            host, port = raw.socket.getsockname()
            for _ in range(2):
                raw.suite.ping()
                want.append(f"{host}:{port} ping")
    wait_for_lines(log, want)
    for language, version in [("go", "v1"), ("java", "v2")]:
        tls = parties.client if secure else None
        client = bench.client(language, FORM, haproxy.ports[version], tls=tls)
        for case in ("structs", "big-binary", "concurrent"):
            client.start_case(case)
            client.end_case()
        client.kill()
    haproxy.kill()
    stats = proxy.stats()
    for version in VERSIONS:
        # Those of two clients, 32 more for the case of many, and those for nobody.
        found = stats[f"proxy_proto.versions.{version}.found"]
        assert found > 34, f"{found} headers of {version}"
    expect_errors(proxy, 0)
    proxy.settle()
    proxy.expect_decoding_errors(0)


def behind_haproxy_with_tls(bench):
    behind_haproxy(bench, secure=True)


def without_header(bench):
    """Who does not say for whom it speaks is not heard."""
    server = bench.server("go", FORM)
    chain = filter_chain("thrift", [(None, "quick")])
    proxy = bench.configured_proxy([chain], [cluster("quick", [server.port])], [PROXY_PROTOCOL])
    client = bench.client("go", FORM, proxy.port)
    client.expect_refusal()
    client.kill()
    expect_errors(proxy, 1)
    proxy.settle()
    proxy.expect_decoding_errors(0)


def expect_errors(proxy, count):
    name = f"listener.{HOST}_{proxy.port}.downstream_cx_proxy_proto_error"
    wait_until(lambda: proxy.stats()[name] == count, f"not {count} errors of PROXY headers")


SCENARIOS = [behind_haproxy, behind_haproxy_with_tls, without_header]
