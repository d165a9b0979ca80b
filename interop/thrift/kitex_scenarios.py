"""Kitex with a proxy between: servers and proxies that end, and forms beside one another."""

import functools
import threading
import time

from harness import free_port
from languages import KITEX_FORMS, TTHEADER
from scenarios import PROMPT_MS, killed_amid_call, of, oneway, restarted_while_idle


def scenarios(full):
    some = [KITEX_FORMS[0], TTHEADER[0], TTHEADER[2]]
    for form in KITEX_FORMS + TTHEADER if full else some:
        for scenario in (
            no_server,
            timed_out,
            server_ends,
            servers_come_and_go,
            proxy_ends,
            many_clients,
            killed_amid_call,
            restarted_while_idle,
        ):
            yield of(scenario, "kitex", form)
        for case in ("oneway-burst", "oneway-then-idle", "oneway-alone"):
            scenario = functools.partial(oneway, "kitex", form, case, declared=False)
            yield f"kitex {form}: {case}", scenario
    for form in TTHEADER[:2]:
        yield of(no_call_is_lost, "kitex", form)
    yield "kitex: forms beside one another", forms_beside_one_another
    yield "kitex: a server of another form", server_of_another_form


def no_server(language, form, bench):
    port = free_port()
    proxy = bench.proxy([port])
    client = bench.client(language, form, proxy.port)
    for _ in range(3):
        client.run("failing", within_ms=PROMPT_MS)
    bench.server(language, form, port)
    client.run("void")
    client.kill()
    proxy.settle()


def timed_out(language, form, bench):
    timeout = 500
    server = bench.server(language, form)
    proxy = bench.proxy([server.port], "--request-timeout-ms", timeout)
    client = bench.client(language, form, proxy.port)
    client.run("failing", within_ms=timeout + PROMPT_MS)
    client.run("successive")
    client.kill()
    proxy.settle()


def server_ends(language, form, bench):
    """A server told to end answers the calls in flight, and the client gets the answers."""
    server = bench.server(language, form)
    proxy = bench.proxy([server.port])
    client = bench.client(language, form, proxy.port)
    client.run("in-flight")
    threading.Timer(0.5, server.terminate).start()
    client.run("long")
    status = server.wait(10)
    assert status == 0, f"exit status {status}"
    bench.server(language, form, server.port)
    client.run("in-flight")
    client.kill()
    proxy.settle()


def servers_come_and_go(language, form, bench):
    """Each call gets its own answer or an error, and the connection to the proxy lasts."""
    servers = [bench.server(language, form) for _ in range(2)]
    proxy = bench.proxy([server.port for server in servers])
    client = bench.client(language, form, proxy.port)
    client.run("void")
    client.start_case("load")
    for server in servers:
        time.sleep(0.5)
        server.terminate()
        server.wait(10)
        bench.server(language, form, server.port)
    result = client.end_case()
    assert result["connections"] == 1, "the connection was lost"
    client.run("in-flight")
    client.kill()
    proxy.settle()


def proxy_ends(language, form, bench):
    """A proxy told to end answers the calls in flight first."""
    server = bench.server(language, form)
    proxy = bench.proxy([server.port])
    client = bench.client(language, form, proxy.port)
    client.run("void")
    threading.Timer(0.5, proxy.terminate).start()
    client.run("long")
    status = proxy.wait(10)
    assert status == 0, f"exit status {status}"


def no_call_is_lost(language, form, bench):
    """A proxy told to end says so in its answers, as Kitex's servers do. With mux they
    say it between answers, and Kitex's clients (0.16) then lose the calls in flight."""
    proxy = bench.proxy([bench.server(language, form).port])
    client = bench.client(language, form, proxy.port)
    threading.Timer(1, proxy.terminate).start()
    client.run("leave")
    status = proxy.wait(10)
    assert status == 0, f"exit status {status}"


def many_clients(language, form, bench):
    """Clients number their calls alike. They share the connections to the servers."""
    servers = [bench.server(language, form) for _ in range(2)]
    proxy = bench.proxy([server.port for server in servers], "--multiplexing")
    clients = [bench.client(language, form, proxy.port, "--rounds", 100) for _ in range(4)]
    for client in clients:
        client.start_case("in-flight")
    for client in clients:
        client.end_case()
        client.start_case("concurrent")
    for client in clients:
        client.end_case()
        client.kill()
    proxy.settle()


def forms_beside_one_another(bench):
    """A server takes all forms; they are answered in kind."""
    forms = [*KITEX_FORMS, *TTHEADER[:2]]
    server = bench.server("kitex", forms[0])
    proxy = bench.proxy([server.port])
    clients = [bench.client("kitex", form, proxy.port) for form in forms]
    for case in ("structs", "in-flight", "oneway-burst", "unknown-method", "concurrent"):
        for client in clients:
            client.start_case(case)
        for client in clients:
            client.end_case()
    for client in clients:
        client.kill()
    proxy.settle()


def server_of_another_form(bench):
    """A multiplexing server takes no other form, and closes: the client gets an error."""
    server = bench.server("kitex", TTHEADER[2])
    proxy = bench.proxy([server.port])
    for form in KITEX_FORMS:
        client = bench.client("kitex", form, proxy.port)
        client.run("failing", within_ms=PROMPT_MS)
        client.kill()
    proxy.settle()
