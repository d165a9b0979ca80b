"""Who is refused because of which certificate, and what comes of it."""

import functools

from bootstrap import downstream_tls
from harness import free_port
from languages import CLIENTS, FORMS
from processes import REFUSED_MS
from scenarios import PROMPT_MS, of
from tls import Mode, before, expect

FORM = FORMS[0]
# A client, a server, and what is wrong with that.
BAD_SERVERS = [
    ("go", "python", "its name"),
    ("java", "go", "its age"),
    ("thriftpy2", "java", "its authority"),
    ("python", "go", "its plain speech"),
    ("go", "go", "its demand"),
]


def scenarios():
    for language in CLIENTS:
        for scenario in (strangers, distrustful, unlike):
            yield of(scenario, language)
    for client, server, reason in BAD_SERVERS:
        scenario = functools.partial(bad_server, client, server, reason)
        yield f"{client}: a {server} server refused for {reason}", scenario


def strangers(language, bench):
    """Clients whose certificate is not as it should be."""
    parties = bench.parties
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], Mode(None, None, parties.mutual(), None))
    authority = parties.authority
    identities = {
        "of another authority": parties.client_identity(parties.other_authority),
        "that has expired": parties.client_identity(authority, expired=True),
        "with another name": parties.client_identity(authority, "spiffe://interop/other"),
    }
    folders = [parties.party(name, identity) for name, identity in identities.items()]
    for folder in [parties.nameless_client, *folders]:
        client = bench.client(language, FORM, proxy.port, tls=folder)
        client.expect_refusal()
        client.kill()
    client = bench.client(language, FORM, proxy.port, tls=parties.client)
    client.run("structs")
    client.kill()
    # Some show no certificate to whom does not trust its authority.
    unshown = int(language in ("go", "java"))
    expect(
        proxy,
        "listener",
        handshake=1,
        fail_verify_no_cert=1 + unshown,
        fail_verify_error=2 - unshown,
        fail_verify_san=1,
    )
    proxy.settle()
    proxy.expect_decoding_errors(0)


def distrustful(language, bench):
    """Clients that do not take the proxy's certificate."""
    parties = bench.parties
    server = bench.server("go", FORM)
    identities = {
        "of another authority": parties.other_authority.issue("proxy.test"),
        "that has expired": parties.authority.issue("proxy.test", expired=True),
        "with another name": parties.authority.issue("proxy.test", addresses=()),
    }
    for name, identity in identities.items():
        if language == "thriftpy2" and name == "with another name":
            # It does not look.
            continue
        folder = parties.party(f"proxy {name}", identity)
        proxy = before(bench, [server.port], Mode(None, None, downstream_tls(folder), None))
        client = bench.client(language, FORM, proxy.port, tls=parties.nameless_client)
        client.expect_refusal()
        client.kill()
        expect(proxy, "listener", connection_error=1)
        proxy.settle()
        proxy.expect_decoding_errors(0)
        proxy.kill()


def unlike(language, bench):
    """One side speaks TLS, the other does not know."""
    parties = bench.parties
    server = bench.server("go", FORM)
    proxy = before(bench, [server.port], parties.mode("downstream"))
    client = bench.client(language, FORM, proxy.port)
    client.expect_refusal()
    client.kill()
    expect(proxy, "listener", connection_error=1, not_tls=1)
    proxy.settle()
    proxy.expect_decoding_errors(0)

    plain = bench.proxy([server.port])
    client = bench.client(language, FORM, plain.port, tls=parties.client)
    client.expect_refusal()
    client.kill()
    plain.settle()
    plain.expect_decoding_errors(1)


def bad_server(client, server, reason, bench):
    """The client is told in its own protocol, and keeps its connection."""
    parties = bench.parties
    own, tls, counts = parties.proxy, None, {}
    if reason == "its name":
        tls = parties.server_identity(parties.authority, "other.test")
        counts = {"fail_verify_san": 1}
    elif reason == "its age":
        tls = parties.server_identity(parties.authority, expired=True)
        counts = {"fail_verify_error": 1}
    elif reason == "its authority":
        tls = parties.server_identity(parties.other_authority)
        counts = {"fail_verify_error": 1}
    elif reason == "its plain speech":
        # It takes the greeting for a call, and hangs up.
        counts = {"connection_error": 1}
    elif reason == "its demand":
        # With TLS 1.3 the proxy is done before it hears of that.
        own, tls = None, parties.server_identity(parties.authority)
        counts = {"handshake": 1, "connection_error": 1}
    tls = tls and parties.party("bad server", tls)
    port = free_port()
    bad = bench.server(server, FORM, port, tls=tls)
    mode = Mode(parties.client, None, parties.mutual(), parties.to_server(own))
    proxy = before(bench, [port], mode)
    client = bench.client(client, FORM, proxy.port, tls=parties.client)
    for times in (1, 2):
        client.run("failing", within_ms=REFUSED_MS if times == 1 else PROMPT_MS)
        expect(proxy, "cluster", **{name: times * count for name, count in counts.items()})
    bad.kill()
    bench.server(server, FORM, port, tls=parties.server if own else parties.lax_server)
    client.run("structs")
    client.kill()
    expect(proxy, "listener", handshake=1)
    proxy.settle()
