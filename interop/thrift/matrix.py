"""Every client to every server, in every form, through one proxy for each server."""

from harness import for_each
from languages import FORMS, LANGUAGES, NONBLOCKING

CASES = [
    "void",
    "bools",
    "ints",
    "doubles",
    "strings",
    "binary",
    "enums",
    "structs",
    "optionals",
    "unions",
    "containers",
    "empty-containers",
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


def run(new_bench, report, options):
    for form in FORMS:
        servers = [*LANGUAGES]
        if options.full and form.transport == "framed":
            servers += NONBLOCKING
        run_form(new_bench, report, options, form, servers, shared=False)
    if not options.direct:
        for form in FORMS if options.full else [FORMS[0], FORMS[3]]:
            servers = [*LANGUAGES] if options.full else ["python", "go"]
            run_form(new_bench, report, options, form, servers, shared=True)


def run_form(new_bench, report, options, form, servers, shared):
    """`shared` lets all exchanges share one connection to the server."""
    mode = f"{form} shared" if shared else str(form)
    pairs = {}
    for server in servers:
        for client in LANGUAGES:
            prefix = f"{client}->{server} {mode}: "
            cases = [case for case in CASES if report.wants(prefix + case)]
            if cases:
                pairs[client, server] = prefix, cases

    with new_bench() as bench:
        ports, proxies = {}, {}
        for server in dict.fromkeys(server for _, server in pairs):
            ports[server] = bench.server(server, form).port
            if not options.direct:
                flags = ["--multiplexing"] if shared else []
                proxies[server] = bench.proxy([ports[server]], *flags)
                ports[server] = proxies[server].port

        def run_pair(pair):
            client, server = pair
            prefix, cases = pairs[pair]
            rounds = 500 if options.full else 20
            process = bench.client(client, form, ports[server], "--rounds", rounds)
            for case in cases:
                if reason := skipped(options, server, shared, case):
                    report.skip(prefix + case, reason)
                    continue
                with report.case(prefix + case):
                    process.start_case(case)
                    process.end_case()
            process.kill()

        for_each(pairs, run_pair, options.jobs)

        for server, proxy in proxies.items():
            with report.case(f"proxy of {server} {mode}: nothing is left in flight"):
                proxy.settle()
                errors = proxy.stats()["meta_protocol.quick.request_decoding_error"]
                assert errors == 0, f"{errors} decoding errors"


def skipped(options, server, shared, case):
    """Why the case cannot be run, or None."""
    if server == "thriftpy2" and case == "undeclared-exception":
        if options.direct:
            return "the server closes the connection instead of answering"
        if shared:
            return "the server closes the connection that others share"
    if server == "python-nonblocking" and case.startswith("big-"):
        return "the server closes when what it can read is a multiple of 8192 bytes"
    return None
