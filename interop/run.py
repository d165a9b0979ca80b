"""Runs the cases; run.sh prepares what they need."""

import argparse
import os
import shlex
import signal
import sys

from harness import LOGS, Proxy, Report

PARTS = ["thrift", "dubbo", "routes"]


def main():
    parser = argparse.ArgumentParser(prog="interop/run.sh")
    parser.add_argument("parts", nargs="*", metavar="PART", help="thrift, dubbo, routes or several")
    parser.add_argument("--direct", action="store_true", help="without a proxy, to test the suite")
    parser.add_argument("--filter", default="", metavar="TEXT", help="cases whose line has TEXT")
    parser.add_argument("--full", action="store_true", help="more servers, forms and calls")
    parser.add_argument("--jobs", type=int, default=2, help="clients at a time")
    parser.add_argument("--proxy-cmd", metavar="COMMAND", help="another proxy")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no part {part}")

    # So that the processes are ended as upon Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))

    LOGS.mkdir(parents=True, exist_ok=True)
    for log in LOGS.iterdir():
        log.unlink()

    proxy = shlex.split(options.proxy_cmd or "") or [os.environ.get("META_PROXY")]
    Proxy.ours = not options.proxy_cmd
    report = Report(options.filter)
    runs = {"thrift": run_thrift, "dubbo": run_dubbo, "routes": run_routes}
    for part in options.parts or PARTS:
        runs[part](proxy, report, options)
    print(f"{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed or not report.passed else 0)


def run_thrift(proxy, report, options):
    import kitex_scenarios
    import matrix
    import scenarios
    import tls_scenarios
    from languages import ALL_CLIENTS, ALL_SERVERS
    from processes import SecureBench, ThriftBench

    def new_bench(kind=ThriftBench):
        return kind(ALL_CLIENTS, ALL_SERVERS, proxy)

    def new_secure_bench():
        return new_bench(SecureBench)

    matrix.run(new_bench, report, options)
    if not options.direct:
        scenarios.run(scenarios.scenarios(options.full), new_bench, report, options.jobs)
        scenarios.run(kitex_scenarios.scenarios(options.full), new_bench, report, options.jobs)
    if not options.direct and Proxy.ours:
        scenarios.run(tls_scenarios.scenarios(), new_bench, report, options.jobs)
        scenarios.run(tls_scenarios.secure_scenarios(), new_secure_bench, report, options.jobs)


def run_dubbo(proxy, report, options):
    from dubbo import matrix, scenarios
    from dubbo.peers import DubboBench

    with DubboBench(proxy) as bench:
        matrix.run(bench, report, options)
        if not options.direct:
            scenarios.run(bench, report, options)


def run_routes(proxy, report, options):
    from routes import scenarios

    # Its flags are those of `quick` alone.
    if not options.direct and Proxy.ours:
        scenarios.run(proxy, report, options)


if __name__ == "__main__":
    main()
