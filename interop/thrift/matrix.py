"""Every client to every server, in every form, through one proxy for each server."""

from typing import NamedTuple

import tls
from harness import Proxy, for_each
from languages import (
    CLIENTS,
    FORMS,
    HEADER,
    JSON,
    KITEX_CLIENTS,
    KITEX_FORMS,
    KITEX_GENERIC_SERVERS,
    KITEX_SERVERS,
    MORE_CLIENTS,
    MORE_SERVERS,
    SERVERS,
    TTHEADER,
)

CASES = [
    "void",
    "bools",
    "ints",
    "doubles",
    "infinities",
    "strings",
    "control-characters",
    "binary",
    "enums",
    "structs",
    "optionals",
    "unions",
    "containers",
    "empty-containers",
    "many-elements",
    "deep",
    "uuids",
    "uuid-containers",
    "many-fields",
    "constants",
    "arguments",
    "exception",
    "undeclared-exception",
    "unknown-method",
    "oneway",
    "oneway-burst",
    "big-binary",
    "big-string",
    "slow",
    "successive",
    "pipelined",
    "multiplexed",
    "concurrent",
]
HEADER_CASES = ["headers", "many-headers"]
# Kitex's to Kitex's: more at once, calls without generated code, and what its header
# says beside the headers.
KITEX_CASES = ["in-flight", "out-of-order", "long", "generic-map", "generic-json", "generic-binary"]
TTHEADER_CASES = ["names", "two-services", "status", "deadline"]
# Without --full, what is not the first forms of the first servers gets these.
FEW = [
    "doubles",
    "strings",
    "structs",
    "unions",
    "containers",
    "deep",
    "uuids",
    "uuid-containers",
    "exception",
    "unknown-method",
    "oneway",
    "pipelined",
    "multiplexed",
    *HEADER_CASES,
]
TLS_CASES = [*FEW, "big-binary", "slow", "concurrent"]


class Group(NamedTuple):
    """Servers that run together, each behind a proxy: one process each, for all its
    forms or for the one that it is started in."""

    servers: dict
    clients: dict
    forms: list
    cases: list
    # All exchanges share one connection to the server.
    shared: bool = False
    # Where TLS is spoken.
    tls: str | None = None

    @property
    def mode(self):
        return (f" tls {self.tls}" if self.tls else "") + (" shared" if self.shared else "")


def groups(full, direct):
    few = CASES + HEADER_CASES if full else FEW
    clients = CLIENTS | MORE_CLIENTS
    for form in FORMS:
        yield Group(SERVERS, CLIENTS, [form], CASES)
        if full:
            yield Group(SERVERS, MORE_CLIENTS, [form], few)
    for form in HEADER + JSON:
        yield Group(SERVERS, clients, [form], few)
    fixed = {name: server for name, server in MORE_SERVERS.items() if not server.listens}
    for form in FORMS + HEADER + JSON if full else [FORMS[0], FORMS[3]]:
        yield Group(fixed, clients, [form], few)
    for name, server in MORE_SERVERS.items():
        if server.listens:
            yield Group({name: server}, clients, server.forms, few)
    yield from kitex_groups(full, few)
    if Proxy.ours:
        yield from tls_groups(full, direct)
    if not direct:
        for form in FORMS + HEADER + JSON if full else [FORMS[0], FORMS[3], HEADER[0]]:
            servers = SERVERS if full else {name: SERVERS[name] for name in ("python", "go")}
            yield Group(servers, CLIENTS, [form], CASES, shared=True)
        for form in KITEX_FORMS + TTHEADER if full else [TTHEADER[0], TTHEADER[2]]:
            cases = [*few, *KITEX_CASES, *TTHEADER_CASES]
            yield Group(KITEX_SERVERS, KITEX_CLIENTS, [form], cases, shared=True)


def kitex_groups(full, few):
    for form in KITEX_FORMS:
        yield Group(SERVERS, KITEX_CLIENTS, [form], few)
        yield Group(KITEX_SERVERS, CLIENTS, [form], few)
    for form in KITEX_FORMS + TTHEADER:
        cases = [*few, *KITEX_CASES, *TTHEADER_CASES]
        yield Group(KITEX_SERVERS, KITEX_CLIENTS, [form], cases)
    for form in KITEX_FORMS + TTHEADER if full else [KITEX_FORMS[0], TTHEADER[1]]:
        yield Group(KITEX_GENERIC_SERVERS, KITEX_CLIENTS, [form], few)


def tls_groups(full, direct):
    cases = CASES if full else TLS_CASES
    for where, shared in [
        ("both", False),
        *([] if direct else [("both", True), ("downstream", False), ("upstream", False)]),
        *([("downstream", True), ("upstream", True)] if full and not direct else []),
    ]:
        for form in FORMS if full else FORMS[:1]:
            yield Group(SERVERS, CLIENTS, [form], cases, shared, where)


def run(new_bench, report, options):
    """Groups are run side by side, and the clients of each in turn: while one waits for
    its proxies to come to rest, another is busy."""
    for_each(
        groups(options.full, options.direct),
        lambda group: run_group(new_bench, report, options, group),
        options.jobs,
    )


def run_group(new_bench, report, options, group):
    mode = group.mode
    talks = {}
    for form in group.forms:
        for server in names(group.servers, form):
            for client in names(group.clients, form):
                prefix = f"{client}->{server} {form}{mode}: "
                lacks = group.clients[client].lacks + group.servers[server].lacks
                cases = [case for case in cases_of(group, form) if case not in lacks]
                cases = [case for case in cases if report.wants(prefix + case)]
                if cases:
                    talks[client, server, form] = prefix, cases

    with new_bench() as bench:
        sides = bench.parties.mode(group.tls) if group.tls else tls.NOWHERE
        ports, proxies = {}, {}
        for server, form in {server: form for _, server, form in talks}.items():
            ports[server] = bench.server(server, form, tls=sides.server).port
            if not options.direct:
                proxies[server] = start_proxy(bench, ports[server], group, sides)
                ports[server] = proxies[server].port

        for (client, server, form), (prefix, cases) in talks.items():
            rounds = 500 if options.full else 20
            process = bench.client(
                client, form, ports[server], "--rounds", rounds, tls=sides.client
            )
            for case in cases:
                if reason := skipped(options, group.shared, client, server, form, case):
                    report.skip(prefix + case, reason)
                    continue
                with report.case(prefix + case):
                    process.start_case(case)
                    process.end_case()
            process.kill()

        for server, proxy in proxies.items():
            if not proxy.ours:
                continue
            only = f" {group.forms[0]}" if len(group.forms) == 1 else ""
            with report.case(f"proxy of {server}{only}{mode}: nothing is left in flight"):
                proxy.settle()
                proxy.expect_decoding_errors(0)
                if group.tls:
                    tls.expect_only_handshakes(proxy, sides)


def start_proxy(bench, port, group, sides):
    if group.tls:
        return tls.before(bench, [port], sides, multiplexing=group.shared)
    return bench.proxy([port], *(["--multiplexing"] if group.shared else []))


def names(programs, form):
    return [name for name, program in programs.items() if form in program.forms]


def cases_of(group, form):
    without = []
    if form not in HEADER + TTHEADER:
        without += HEADER_CASES
    if form not in TTHEADER:
        without += TTHEADER_CASES
    return [case for case in group.cases if case not in without]


def skipped(options, shared, client, server, form, case):
    """Why the case cannot be run, or None."""
    if form.protocol == "json" and (reason := skipped_in_json({client, server}, case)):
        return reason
    if server.startswith("thriftpy2") and case == "undeclared-exception":
        if options.direct:
            return "the server closes the connection instead of answering"
        if shared:
            return "the server closes the connection that others share"
    if case == "out-of-order" and shared and form.transport != "ttheader-mux":
        return "the server answers one after the other on the connection that all share"
    if server == "kitex" and client != "kitex" and case == "unknown-method":
        return "the server says that the service is unknown"
    if server == "python-nonblocking" and case.startswith("big-"):
        return "the server closes when what it can read is a multiple of 8192 bytes"
    return None


def skipped_in_json(pair, case):
    libraries = {name.partition("-")[0] for name in pair}
    if case == "infinities" and "python" in libraries:
        return "Python's JSON reads no infinity, not even its own"
    if case == "control-characters" and libraries == {"python", "go"}:
        return "Python's JSON does not escape them, as Go's reader needs"
    return None
