"""What is chosen by TLS: routes by who the client is, filter chains by what it asks for."""

from bootstrap import HOST, TLS_INSPECTOR, cluster, downstream_tls, filter_chain
from languages import CLIENTS, FORMS
from raw import Raw
from thrift.Thrift import TApplicationException
from tls import CLIENT_URI, context_of, expect

FORM = FORMS[0]


def by_uri(bench):
    """Routes by who the client is."""
    parties = bench.parties
    attribute = "connection.uri_san_peer_certificate"
    other = "spiffe://interop/other"
    routes = [
        ({"name": attribute, "string_match": {"exact": CLIENT_URI}}, "apache"),
        ({"name": attribute, "string_match": {"prefix": other}}, "go"),
    ]
    chain = filter_chain("thrift", routes, downstream_tls(parties.proxy, mutual=True))
    proxy = bench.configured_proxy([chain], servers(bench, "apache", "go"))
    folder = parties.party("other", parties.client_identity(parties.authority, other))
    for tls, server in [(parties.client, "apache"), (folder, "go"), (parties.client, "apache")]:
        with Raw(FORM, proxy.port, tls=context_of(tls)) as raw:
            assert {raw.suite.name() for _ in range(3)} == {server}
    identity = parties.client_identity(parties.authority, "spiffe://interop/nobody")
    with Raw(FORM, proxy.port, tls=context_of(parties.party("nobody", identity))) as raw:
        for _ in range(2):
            try:
                raw.suite.ping()
            except TApplicationException:
                continue
            raise AssertionError("answered without a route")
    proxy.settle()


def by_name(bench):
    """Filter chains by the name that is asked for, each with its certificate."""
    proxy = several(
        bench,
        ({"server_names": ["a.test"]}, "a.test", "apache"),
        ({"server_names": ["*.b.test"]}, "*.b.test", "go"),
        (None, "default.test", "thriftpy2"),
    )
    asked = {
        "a.test": ("a.test", "apache"),
        "x.b.test": ("*.b.test", "go"),
        "x.y.b.test": ("*.b.test", "go"),
        "b.test": ("default.test", "thriftpy2"),
        HOST: ("default.test", "thriftpy2"),
    }
    for name, chain in asked.items():
        expect_chain(bench, proxy, chain, server_name=name)
    # They connect to an address, and so name nobody.
    for language in CLIENTS:
        client = bench.client(language, FORM, proxy.port, tls=bench.parties.nameless_client)
        client.run("void")
        client.kill()
    expect(proxy, "listener", handshake=len(asked) + len(CLIENTS))
    proxy.settle()


def by_protocol(bench):
    """Filter chains by what the client would speak (ALPN)."""
    proxy = several(
        bench,
        ({"application_protocols": ["one"]}, "one.test", "apache"),
        ({"application_protocols": ["two", "three"]}, "two.test", "go"),
        (None, "default.test", "thriftpy2"),
    )
    for offered, agreed, chain in [
        (["one"], "one", ("one.test", "apache")),
        (["three", "one"], "three", ("two.test", "go")),
        (["other", "three", "two"], "two", ("two.test", "go")),
        (["other"], None, ("default.test", "thriftpy2")),
        ([], None, ("default.test", "thriftpy2")),
    ]:
        got = expect_chain(bench, proxy, chain, protocols=offered)
        assert got == agreed, f"{got} agreed on of {offered}, not {agreed}"
    proxy.settle()


def by_speech(bench):
    """One listener for those who speak TLS and those who do not, as meshes have it."""
    parties = bench.parties
    chains = [
        filter_chain("thrift", [(None, "apache")], parties.mutual(), {"transport_protocol": "tls"}),
        filter_chain("thrift", [(None, "go")], None, {"transport_protocol": "raw_buffer"}),
    ]
    clusters = servers(bench, "apache", "go")
    proxy = bench.configured_proxy(chains, clusters, [TLS_INSPECTOR])
    for _ in range(2):
        for tls, server in [(context_of(parties.client), "apache"), (None, "go")]:
            with Raw(FORM, proxy.port, tls=tls) as raw:
                assert raw.suite.name() == server
    for language in CLIENTS:
        for tls in (parties.client, None):
            client = bench.client(language, FORM, proxy.port, tls=tls)
            client.run("void")
            client.kill()
    expect(proxy, "listener", handshake=2 + len(CLIENTS))
    stats = proxy.stats()
    for found in ("tls_found", "tls_not_found"):
        assert stats[f"tls_inspector.{found}"] == 2 + len(CLIENTS)
    proxy.settle()
    proxy.expect_decoding_errors(0)


def several(bench, *chains):
    """A proxy with filter chains: by what each is chosen, whose certificate it shows,
    where its requests go. Of the protocols that choose it, it likes the first best."""
    parties = bench.parties
    made = []
    for match, name, server in chains:
        folder = parties.party(f"chain of {server}", parties.authority.issue(name))
        protocols = (match or {}).get("application_protocols", [])
        tls = downstream_tls(folder, alpn_protocols=protocols)
        made.append(filter_chain("thrift", [(None, server)], tls, match))
    clusters = servers(bench, *(server for _, _, server in chains))
    return bench.configured_proxy(made, clusters, [TLS_INSPECTOR])


def servers(bench, *names):
    """Clusters called as their servers call themselves."""
    programs = {"apache": "python"}
    started = {name: bench.server(programs.get(name, name), FORM) for name in names}
    return [cluster(name, [server.port]) for name, server in started.items()]


def expect_chain(bench, proxy, chain, server_name=HOST, protocols=()):
    """Returns the protocol agreed on."""
    tls = context_of(bench.parties.nameless_client, protocols)
    tls.check_hostname = False
    with Raw(FORM, proxy.port, tls=tls, server_name=server_name) as raw:
        got = names(raw.socket.getpeercert())[0], raw.suite.name()
        assert got == chain, f"{server_name} {protocols}: {got}, not {chain}"
        return raw.socket.selected_alpn_protocol()


def names(certificate):
    return [name for kind, name in certificate["subjectAltName"] if kind == "DNS"]


SCENARIOS = [by_uri, by_name, by_protocol, by_speech]
