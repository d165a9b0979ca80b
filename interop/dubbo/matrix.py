"""Every consumer to every provider, in every serialization that both have."""

import functools
import json
from typing import NamedTuple

from dubbo.peers import JAVA, SECURE, VERSIONS
from harness import Proxy, for_each
from tls import before, expect_only_handshakes

# Bodies of the `big` cases are over the default limits of both sides.
LIMIT = ["--codec-config", json.dumps({"max_payload_bytes": 16 << 20})]

PATIENCE = ["--request-timeout-ms", "20000"]

CASES = [
    "hello",
    "primitives",
    "boxed",
    "strings",
    "long-strings",
    "bytes",
    "arrays",
    "grid",
    "plain-pojo",
    "pojo",
    "nested-pojo",
    "pojo-lists",
    "collections",
    "shared-references",
    "enums",
    "dates",
    "decimals",
    "big-numbers",
    "java-time",
    "objects",
    "void",
    "null",
    "nulls",
    "several-arguments",
    "overloaded",
    "big-request",
    "big-answer",
    "big-both",
    "slow",
    "async",
    "async-context",
    "async-exception",
    "oneway",
    "oneway-sent",
    "oneway-context",
    "oneway-burst",
    "echo",
    "attachments",
    "long-attachments",
    "object-attachments",
    "attachments-end",
    "declared-exception",
    "runtime-exception",
    "own-exception",
    "unknown-method",
    "unknown-service",
    "timeout",
    "generic",
    "generic-pojo",
    "generic-async",
    "generic-exception",
    "callback",
    "callback-several",
    "group-and-version",
    "other-service",
    "successive",
    "concurrent",
    "own-connections",
    "mixed-serializations",
]

# What dubbo-go's consumer has no counterpart of.
NOT_OF_GO_CONSUMERS = {
    *("boxed", "grid", "collections", "big-numbers", "java-time", "objects", "nulls"),
    *("overloaded", "async-context", "async-exception", "oneway-sent", "oneway-context", "oneway-burst"),
    *("object-attachments", "attachments-end", "own-exception", "generic", "generic-pojo"),
    *("generic-async", "generic-exception", "callback", "callback-several"),
    *("group-and-version", "other-service", "own-connections", "mixed-serializations"),
}

# What dubbo-go's provider does not take from Java.
NOT_OF_GO_PROVIDERS = {
    *("boxed", "grid", "collections", "big-numbers", "java-time", "objects", "nulls"),
    *("overloaded", "async-exception", "object-attachments", "own-exception", "generic-pojo"),
    *("generic-exception", "callback", "callback-several", "group-and-version"),
    *("other-service", "mixed-serializations"),
}


# Where TLS is spoken.
TLS_CASES = {
    *("hello", "pojo", "big-both", "slow", "oneway-burst", "attachments", "declared-exception"),
    *("timeout", "callback", "concurrent", "own-connections"),
}


class Pair(NamedTuple):
    consumer: str
    provider: str
    serialization: str

    def __str__(self):
        return f"dubbo {self.consumer}->{self.provider} {self.serialization}"

    def options(self, full, mode):
        # dubbo-go takes seconds for messages of 5 MiB, with or without a proxy.
        small = "go" in (self.consumer, self.provider) and (mode or not full)
        return {"rounds": 200 if full else 20, "mib": 1 if small else 5}

    @property
    def cases(self):
        left_out = set()
        if self.consumer == "go":
            left_out |= NOT_OF_GO_CONSUMERS
        if self.provider == "go":
            left_out |= NOT_OF_GO_PROVIDERS
        if self.consumer == "go" and self.provider != "go":
            # It has no types of arguments, and Java finds no such method.
            left_out |= {"echo"}
        if self.consumer in ("2.7", "3.2") and self.provider == "go":
            # It cannot read a second list of a type.
            left_out |= {"pojo", "nested-pojo", "pojo-lists", "shared-references"}
        # 2.7 has no second serialization without further libraries.
        if "2.7" in (self.consumer, self.provider):
            left_out |= {"mixed-serializations"}
        return [case for case in CASES if case not in left_out]


def pairs():
    for consumer in VERSIONS:
        for provider in VERSIONS:
            yield Pair(consumer, provider, "hessian2")
            if consumer in ("3.2", "3.3") and provider in ("3.2", "3.3"):
                yield Pair(consumer, provider, "fastjson2")


def run(bench, report, options):
    # The protocol's own way, which is to share connections.
    run_mode(bench, report, options, "", [])
    if Proxy.ours:
        run_mode(bench, report, options, " tls", [], tls=True)
    if options.full and not options.direct:
        run_mode(bench, report, options, " exclusive", ["--exclusive"])
        # A provider that reads a large message is silent for longer than some of these.
        run_mode(bench, report, options, " heartbeats", ["--heartbeat-ms", "500"])


def tls_pairs(full):
    for version in JAVA if full else ("2.7", "3.3"):
        yield Pair(version, version, "hessian2")


def run_mode(bench, report, options, mode, flags, tls=False):
    """`flags` are those of the proxy, which has others where TLS is spoken."""
    parameters = SECURE if tls else {}
    wanted = {}
    for pair in tls_pairs(options.full) if tls else pairs():
        cases = [case for case in pair.cases if not tls or case in TLS_CASES]
        cases = [case for case in cases if report.wants(f"{pair}{mode}: {case}")]
        if cases:
            wanted[pair] = cases

    providers = dict.fromkeys(pair.provider for pair in wanted)
    consumers = dict.fromkeys(pair.consumer for pair in wanted)
    provider = functools.partial(bench.fleet.provider, secure=tls)
    consumer = functools.partial(bench.fleet.consumer, secure=tls)
    for_each(providers, provider, options.jobs)
    for_each(consumers, consumer, options.jobs)

    with bench.inner() as inner:
        ports, proxies = {}, {}
        for version in providers:
            ports[version] = provider(version).export(**parameters)
            if not options.direct:
                if tls:
                    proxy = before(inner, [ports[version]], inner.parties.mode("both"))
                else:
                    proxy = inner.proxy([ports[version]], *PATIENCE, *LIMIT, *flags)
                proxies[version] = proxy
                ports[version] = proxy.port

        def run_pair(pair):
            program = consumer(pair.consumer)
            for case in wanted[pair]:
                with report.case(f"{pair}{mode}: {case}"):
                    own = pair.options(options.full, mode)
                    port = ports[pair.provider]
                    serialization = pair.serialization
                    program.run(case, port, own, serialization=serialization, **parameters)

        for_each(wanted, run_pair, options.jobs)

        for version, proxy in proxies.items():
            with report.case(f"dubbo proxy of {version}{mode}: nothing is left in flight"):
                proxy.settle(connected=True)
                errors = proxy.stats()["meta_protocol.quick.request_decoding_error"]
                assert errors == 0, f"{errors} decoding errors"
                if tls:
                    expect_only_handshakes(proxy, inner.parties.mode("both"))
        for version in consumers:
            for port in ports.values():
                consumer(version).release(port)
