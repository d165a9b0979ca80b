"""What only shows with a proxy between: failures, idle connections, odd clients."""

import functools
import json
import time

from dubbo import wire
from dubbo.peers import JAVA, VERSIONS
from dubbo.stage import Link, Stage
from harness import for_each, free_port

# A proxy answers a call that cannot succeed at once.
PROMPT_MS = 2000
# Of an RpcException.
CODES = {"network": 1, "timeout": 2}


def run(bench, report, options):
    def run_scenario(item):
        label, versions, scenario = item
        wanted = [version for version in versions if report.wants(f"{label}: {version}")]
        if not wanted:
            return
        with bench.inner() as inner:
            stage = Stage(inner, wanted, options.full)
            error = None
            try:
                scenario(stage)
            except AssertionError as e:
                error = str(e) or "failed"
            except Exception as e:
                error = f"{type(e).__name__}: {e}"
            errors = {link.version: link.error for link in stage.links}
            for version in wanted:
                report.add(f"{label}: {version}", errors.get(version) or error)

    for_each(list(scenarios(options.full)), run_scenario, options.jobs)


def scenarios(full):
    """A label, the consumers that take part, and what happens."""
    for provider in VERSIONS if full else ["3.3", "go"]:
        for scenario in (killed_amid_calls, restarted_while_idle, restarted_under_load):
            yield of_provider(scenario, provider, VERSIONS)
    for provider in JAVA if full else ["2.7", "3.3"]:
        yield of_provider(stopped_under_load, provider, VERSIONS)
    for provider in JAVA:
        for scenario in (too_large, idle):
            yield of_provider(scenario, provider, VERSIONS)
        for scenario in (another_path, another_path_allowed, callbacks_at_once):
            yield of_provider(scenario, provider, [*JAVA])
    for scenario in (no_provider, timed_out, everyone_at_once):
        yield named(scenario), VERSIONS, scenario
    yield named(drained), VERSIONS, drained
    yield named(mixed_on_one_connection), ["3.2", "3.3"], mixed_on_one_connection
    for scenario in (garbage, heartbeat_answered, drain_announced):
        yield named(scenario), ["frames"], scenario


def named(scenario):
    return "dubbo " + scenario.__name__.replace("_", " ")


def of_provider(scenario, provider, versions):
    label = f"{named(scenario)}, provider {provider}"
    return label, versions, functools.partial(scenario, provider=provider)


def exported(stage, version, **parameters):
    """The port of a provider that all share."""
    return stage.bench.fleet.provider(version).export(**parameters)


def no_provider(stage):
    """An error at once, with the proxy's text; and calls pass as soon as a provider is there."""
    port = free_port()
    stage.link([port])
    failure = {"text": "upstream_connect_failure"}
    # A consumer's first call takes long by itself.
    stage.all(Link.run, "failing-hello", failure)
    for _ in range(2):
        stage.all(Link.run, "failing-hello", failure, within_ms=PROMPT_MS)
    stage.bench.fleet.provider("3.3").export(port)
    stage.all(Link.run, "hello")
    stage.all(Link.settle)


def killed_amid_calls(stage, provider):
    """The call in flight fails at once, on a connection that stays."""
    server = stage.bench.own_provider(provider)
    port = server.export()
    stage.link([port])
    stage.all(Link.run, "hello")
    stage.all(Link.begin, "failing")
    server.kill()
    stage.all(Link.end, within_ms=PROMPT_MS)
    stage.bench.own_provider(provider).export(port)
    stage.all(Link.run, "hello", within_ms=PROMPT_MS)
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def restarted_while_idle(stage, provider):
    """Costs nobody anything."""
    server = stage.bench.own_provider(provider)
    port = server.export()
    stage.link([port])
    stage.all(Link.run, "hello")
    for _ in range(2):
        server.kill()
        server = stage.bench.own_provider(provider)
        server.export(port)
        stage.all(Link.run, "hello", within_ms=PROMPT_MS)
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def restarted_under_load(stage, provider):
    """Every call gets its answer or an error, soon, and all is well afterwards."""
    server = stage.bench.own_provider(provider)
    port = server.export()
    stage.link([port])
    stage.all(Link.run, "hello")
    stage.all(Link.load, 10)
    time.sleep(0.5)
    server.kill()
    time.sleep(0.5)
    stage.bench.own_provider(provider).export(port)
    time.sleep(1)

    def check(link):
        load = link.unload()
        assert load.failed and load.answered_since > 20, f"{vars(load)}"
        assert load.longest_ms < PROMPT_MS, f"a call took {load.longest_ms} ms"
        assert "the answer" not in load.errors, load.errors

    stage.all(check)
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def stopped_under_load(stage, provider):
    """A provider that ends as it should costs no call, if there is another."""
    threads = 10
    # 2.7 interrupts some of those in flight.
    allowed = threads if provider == "2.7" else 0
    stops, stays = (stage.bench.own_provider(provider) for _ in range(2))
    stage.link([stops.export(), stays.export()])
    stage.all(Link.run, "hello")
    stage.all(Link.load, threads)
    time.sleep(0.5)
    stops.terminate()
    stops.wait(20)
    time.sleep(0.5)

    def check(link):
        load = link.unload()
        assert load.failed <= allowed, f"{load.failed} calls failed: {load.errors}"
        assert load.answered_since > 20, f"{vars(load)}"
        assert load.longest_ms < PROMPT_MS, f"a call took {load.longest_ms} ms"

    stage.all(check)
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def timed_out(stage):
    """The proxy's limit holds where the client's is longer, or not said."""
    timeout = 500
    stage.link([exported(stage, "3.3")], "--request-timeout-ms", timeout)
    stage.all(Link.run, "hello")
    for _ in range(2):
        failure = {"code": CODES["timeout"], "text": "response_timeout"}
        stage.all(Link.run, "failing", failure, within_ms=timeout + PROMPT_MS)
        stage.all(Link.run, "successive")
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def too_large(stage, provider):
    """What is over the limit fails by itself, in both directions."""
    limit = json.dumps({"max_payload_bytes": 65_536})
    stage.link([exported(stage, provider)], "--codec-config", limit)
    stage.all(Link.run, "hello")
    failure = {"text": "message_too_large", "bytes": 100_000}
    for case in ("failing-big", "failing-big-answer"):
        stage.all(Link.run, case, failure, within_ms=PROMPT_MS)
        stage.all(Link.run, "successive")
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def idle(stage, provider):
    """Both sides send heartbeats, and close connections without any."""
    every = 1000
    port = exported(stage, provider, heartbeat=every)
    stage.link([port], "--heartbeat-ms", every // 2)
    stage.all(Link.run, "hello", heartbeat=every)
    own = {"ms": (60 if stage.full else 5) * every}
    stage.all(Link.run, "idle", own, heartbeat=every)
    stage.all(Link.is_kept)
    stage.all(Link.is_kept, "cluster.quick.upstream_cx")


def another_path(stage, provider):
    """Attachments that name another service than the body: the provider would act on them."""
    port = exported(stage, provider)
    stage.link([port])
    stage.all(Link.run, "hello")
    stage.all(Link.run, "failing-hello", {}, within_ms=PROMPT_MS, path="interop.Other")
    stage.all(Link.run, "hello")
    calls = stage.bench.fleet.provider(provider).ask("other-calls", name="failing")["value"]
    assert calls == "0", "the provider got it"
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def another_path_allowed(stage, provider):
    config = json.dumps({"on_mismatch": "attachments"})
    stage.link([exported(stage, provider)], "--codec-config", config)
    stage.all(Link.run, "hello")
    stage.all(Link.run, "hello-from-other", path="interop.Other")
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def callbacks_at_once(stage, provider):
    """Through one proxy."""
    port = exported(stage, provider)
    proxy = stage.bench.proxy([port])
    for version in stage.versions:
        stage.links.append(Link(version, stage.bench.fleet.consumer(version), proxy))
    for _ in range(3):
        stage.all(Link.run, "callback-several")
        stage.all(Link.run, "concurrent")
    stage.all(Link.settle)


def everyone_at_once(stage):
    """50 callers of each kind to all kinds of providers."""
    ports = [exported(stage, version) for version in VERSIONS]
    proxy = stage.bench.proxy(ports)
    for version in stage.versions:
        stage.links.append(Link(version, stage.bench.fleet.consumer(version), proxy))
    for _ in range(3):
        stage.all(Link.run, "concurrent", {"rounds": 200 if stage.full else 40})
    stage.all(Link.settle)


def mixed_on_one_connection(stage):
    stage.link([exported(stage, "3.3")])
    stage.all(Link.run, "hello")
    stage.all(Link.run, "mixed-serializations")
    stage.all(Link.is_kept)
    stage.all(Link.settle)


def drained(stage):
    """A proxy told to end answers the calls in flight first."""
    stage.link([exported(stage, "3.3")])
    stage.all(Link.run, "hello")
    stage.all(Link.begin, "wait", {"ms": 1500})
    stage.all(lambda link: link.proxy.terminate())
    stage.all(Link.end, within_ms=1500 + PROMPT_MS)

    def check(link):
        status = link.proxy.wait(15)
        assert status == 0, f"exit status {status}"

    stage.all(check)


def heartbeat_answered(stage):
    """Also without a provider."""
    proxy = stage.bench.proxy([free_port()])
    with wire.Wire(proxy.port) as connection:
        for number in (0, -1, 1 << 40):
            connection.send_heartbeat(number)
            got = connection.receive()
            want = (wire.EVENT | wire.HESSIAN2, wire.OK, number, wire.HEARTBEAT)
            assert got == want, f"got {got}, want {want}"
    proxy.settle()


def drain_announced(stage):
    """Clients of a proxy told to end are told to send no more."""
    proxy = stage.bench.proxy([exported(stage, "3.3")])
    with wire.Wire(proxy.port) as connection:
        connection.send_heartbeat(7)
        connection.receive()
        proxy.terminate()
        flags, _, _, body = connection.receive()
        assert flags == wire.REQUEST | wire.EVENT | wire.HESSIAN2, f"flags {flags:#x}"
        assert body == wire.READONLY, f"body {body!r}"
        connection.expect_close()
    status = proxy.wait(15)
    assert status == 0, f"exit status {status}"


def garbage(stage):
    """Costs its own connection and nobody else's."""
    proxy = stage.bench.proxy([exported(stage, "3.3")])
    consumer = stage.bench.fleet.consumer("3.3")
    consumer.run("hello", proxy.port)
    messages = [
        b"GET / HTTP/1.1\r\nHost: dubbo\r\n\r\n",
        b"\xff" * 64,
        # Telnet, which a provider would answer.
        b"ls\r\n" + b"status -l\r\n" * 4,
        # Not quite the magic number.
        b"\xda\xba\xc2" + bytes(61),
    ]
    for message in messages:
        with wire.Wire(proxy.port) as connection:
            connection.send(message)
            connection.expect_close()
        consumer.run("hello", proxy.port)
    errors = proxy.stats()["meta_protocol.quick.request_decoding_error"]
    assert errors == len(messages), f"{errors} decoding errors counted, not {len(messages)}"
    assert proxy.stats()["meta_protocol.quick.downstream_cx_total"] == 1 + len(messages)
    proxy.settle(connected=True)
