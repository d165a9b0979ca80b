"""What only shows with a proxy between: failures, idle connections, odd clients."""

import functools
import json
import socket
import threading
import time

import headers
from harness import HOST, for_each, free_port
from languages import CLIENTS, FORMS, HEADER, JSON, SERVERS
from raw import Raw
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory

# A proxy answers a call that cannot succeed at once.
PROMPT_MS = 2000


def run(scenarios, new_bench, report, jobs):
    def run_scenario(item):
        label, scenario = item
        with report.case(label), new_bench() as bench:
            scenario(bench)

    wanted = [item for item in scenarios if report.wants(item[0])]
    for_each(wanted, run_scenario, jobs)


def scenarios(full):
    for language, form in talks(full):
        for scenario in (no_server, killed_amid_call, restarted_while_idle, timed_out):
            yield of(scenario, language, form)
        some = ("oneway-burst", "oneway-then-idle")
        for case in some:
            scenario = functools.partial(oneway, language, form, case, declared=False)
            yield f"{language} {form}: {case}, not declared", scenario
        for case in (*some, "oneway-alone") if full or form in FORMS else ():
            scenario = functools.partial(oneway, language, form, case, declared=True)
            yield f"{language} {form}: {case}, declared", scenario
    for form in FORMS + HEADER + JSON:
        for language in speakers(form):
            if form in FORMS or full:
                yield of(pipelined_to_several, language, form)
            elif (language, form) not in talks(full):
                # An error of the proxy's is one in this form for each library.
                yield of(no_server, language, form)
        for scenario in (everyone_at_once, garbage, half_closed, gone_amid_call, drained):
            yield of(scenario, form)
        if form.protocol == "binary" and form in FORMS:
            # thriftpy2's server takes no such message.
            for server in ("python", "go", "java"):
                scenario = functools.partial(old_binary, server, form)
                yield f"{server} {form}: binary without a version", scenario
    for scenario in headers.SCENARIOS:
        for server in headers.SERVERS:
            yield of(scenario, server)


def of(scenario, *arguments):
    name = scenario.__name__.replace("_", " ")
    return " ".join(map(str, arguments)) + f": {name}", functools.partial(scenario, *arguments)


def speakers(form):
    return [name for name, client in CLIENTS.items() if form in client.forms]


def talks(full):
    """Each form with some client that speaks it, and with `full` with each."""
    talks = []
    for number, form in enumerate(FORMS + HEADER + JSON):
        clients = speakers(form)
        some = clients if full else [clients[number % len(clients)]]
        talks += [(client, form) for client in some]
    return talks


def ports(bench, form, *servers):
    """Those of the servers, started, that take the form."""
    servers = [server for server in servers if form in SERVERS[server].forms]
    return [bench.server(server, form).port for server in servers]


def no_server(language, form, bench):
    port = free_port()
    proxy = bench.proxy([port])
    client = bench.client(language, form, proxy.port)
    for _ in range(3):
        client.run("failing", within_ms=PROMPT_MS)
    bench.server("python", form, port)
    client.run("void")
    client.kill()
    proxy.settle()


def killed_amid_call(language, form, bench):
    server = bench.server(language, form)
    proxy = bench.proxy([server.port])
    client = bench.client(language, form, proxy.port)
    client.run("void")
    delay = 0.5
    threading.Timer(delay, server.kill).start()
    client.run("failing", within_ms=delay * 1000 + PROMPT_MS)
    bench.server(language, form, server.port)
    client.run("structs")
    client.kill()
    proxy.settle()


def restarted_while_idle(language, form, bench):
    server = bench.server(language, form)
    proxy = bench.proxy([server.port])
    client = bench.client(language, form, proxy.port)
    for _ in range(3):
        client.run("structs")
        server.kill()
        server = bench.server(language, form, server.port)
    client.run("structs")
    client.kill()
    proxy.settle()


def timed_out(language, form, bench):
    timeout = 500
    server = bench.server("go", form)
    proxy = bench.proxy([server.port], "--request-timeout-ms", timeout)
    client = bench.client(language, form, proxy.port)
    client.run("failing", within_ms=timeout + PROMPT_MS)
    client.run("successive")
    client.kill()
    proxy.settle()


def oneway(language, form, case, bench, declared):
    """Go sends a oneway call as one that expects an answer."""
    config = ["--codec-config", json.dumps({"oneway_methods": ["notify"]})] if declared else []
    server = bench.server(language, form)
    proxy = bench.proxy([server.port], "--request-timeout-ms", "1500", *config)
    client = bench.client(language, form, proxy.port)
    client.run(case)
    client.run("structs")
    client.kill()
    proxy.settle()


def pipelined_to_several(language, form, bench):
    proxy = bench.proxy(ports(bench, form, "python", "go", "thriftpy2"))
    client = bench.client(language, form, proxy.port)
    for _ in range(3):
        client.run("pipelined")
    client.kill()
    proxy.settle()


def everyone_at_once(form, bench):
    """32 clients of each language."""
    proxy = bench.proxy(ports(bench, form, "python", "go", "java"))
    clients = [bench.client(language, form, proxy.port) for language in speakers(form)]
    for client in clients:
        client.run("void")
    for client in clients:
        client.start_case("concurrent")
    for client in clients:
        client.end_case()
        client.kill()
    proxy.settle()


def garbage(form, bench):
    """Garbage costs its own connection and nobody else's."""
    server = bench.server("python", form)
    proxy = bench.proxy([server.port])
    client = bench.client("python", form, proxy.port)
    client.run("void")
    messages = [
        b"GET / HTTP/1.1\r\nHost: thrift\r\n\r\n",
        b"\xff" * 64,
        # A frame that holds no message.
        b"\0\0\0\x40" + b"\xee" * 64,
        # A strict message of version 2.
        b"\x80\x02\0\x01" + b"\0" * 60,
    ]
    for message in messages:
        with socket.create_connection((HOST, proxy.port), timeout=5) as sock:
            sock.sendall(message)
            try:
                answer = sock.recv(1)
            except ConnectionResetError:
                answer = b""
            assert answer == b"", f"{message[:20]!r} was answered"
        client.run("structs")
    proxy.expect_decoding_errors(len(messages))
    client.kill()
    proxy.settle()


def half_closed(form, bench):
    """A client that has shut its sending side still gets its answers."""
    server = bench.server("go", form)
    proxy = bench.proxy([server.port])
    with Raw(form, proxy.port) as raw:
        raw.suite.send_slow(300)
        raw.suite.send_slow(1)
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.suite.recv_slow() == 300
        assert raw.suite.recv_slow() == 1
        raw.expect_close()
    proxy.settle()


def gone_amid_call(form, bench):
    """The answers to a client that left reach nobody else."""
    server = bench.server("go", form)
    proxy = bench.proxy([server.port])
    with bench.raw(form, proxy.port) as stays:
        for i in range(20):
            with bench.raw(form, proxy.port) as leaves:
                leaves.suite.send_slow(10 + i)
            for j in range(10):
                want = f"{i} {j} 0"
                got = stays.suite.join(i, str(j), [])
                assert got == want, f"got {got!r}, want {want!r}"
    proxy.settle()


def drained(form, bench):
    """A proxy told to end answers the call in flight first."""
    server = bench.server("go", form)
    proxy = bench.proxy([server.port])
    with bench.raw(form, proxy.port) as raw:
        raw.suite.send_slow(1000)
        time.sleep(0.3)
        proxy.terminate()
        assert raw.suite.recv_slow() == 1000
    status = proxy.wait(10)
    assert status == 0, f"exit status {status}"


def old_binary(server, form, bench):
    """The binary protocol as it was before messages carried a version."""
    proxy = bench.proxy([bench.server(server, form).port])
    protocols = TBinaryProtocolFactory(strictRead=False, strictWrite=False)
    with Raw(form, proxy.port, protocols) as raw:
        raw.suite.ping()
        for i in range(10):
            assert raw.suite.join(i, "old", [i]) == f"{i} old {i}"
        for ms in (50, 1):
            raw.suite.send_slow(ms)
        for ms in (50, 1):
            assert raw.suite.recv_slow() == ms
    proxy.settle()
