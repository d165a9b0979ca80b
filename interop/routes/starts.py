"""How a proxy starts, and how it ends, whatever its control plane does."""

import signal
import socket
import time

from bootstrap import HOST
from routes.control_plane import table, to
from routes.stage import expect_connections

# Seconds. More than a drain may take.
PROMPT = 8


def before_the_control_plane(stage):
    """Nobody can connect until there are routes."""
    proxy = stage.proxy(live=False)
    proxy.wait_connected(False)
    expect_closed(proxy)
    control = stage.control_plane()
    control.hear("ask shop")
    # It is there, but has no routes.
    expect_closed(proxy)
    control.serve("1", table("shop", to("v1")))
    proxy.wait_live()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        expect_connections(proxy)


def expect_closed(proxy):
    assert not proxy.is_live(), "it is ready without routes"
    with socket.socket() as probe:
        failure = probe.connect_ex((HOST, proxy.port))
    assert failure, "a listener without routes lets clients connect"


def without_routes_in_time(stage):
    """After `initial_fetch_timeout` it serves, without a route, and follows those that come
    later."""
    control = stage.control_plane()
    proxy = stage.proxy(fetch_timeout=0.3)
    with stage.traffic(proxy) as traffic:
        traffic.fails_with("no_matched_route")
        proxy.expect_counts(init_fetch_timeout=1, update_failure=0)
        assert proxy.dumped()["client_status"] == "TIMEOUT"
        control.serve("1", table("shop", to("v1")))
        traffic.moves_to("v1")
        proxy.expect_counts(init_fetch_timeout=1, update_success=1, config_reload=1)
        proxy.expect_accepted()
        expect_connections(proxy, errors=True)


def unknown_name(stage):
    """A control plane that does not know the table says so at once, or not at all: there
    is nothing to refuse, and the proxy waits."""
    control = stage.control_plane()
    control.serve("1", table("other", to("v2")))
    proxy = stage.proxy(live=False)
    if stage.way.is_delta:
        control.hear("ask shop")
        proxy.wait_connected()
        proxy.expect_counts()
    else:
        control.hear_ack("1")
        proxy.expect_counts(update_empty=1, update_success=1)
    expect_closed(proxy)
    control.expect_count("nack", 0)
    control.serve("2", table("other", to("v2")), table("shop", to("v1")))
    proxy.wait_live()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")


def ended_while_it_waits(stage):
    """For a control plane that takes connections and says nothing, and for none."""
    control = stage.control_plane()
    for stalls in (True, False):
        if stalls:
            control.stall()
        else:
            control.kill()
        proxy = stage.proxy(live=False)
        # Long enough to connect, and to wait for the first word.
        time.sleep(0.3)
        proxy.wait_connected(False)
        end(proxy)


def ended_while_it_stalls(stage):
    """With routes that were there before."""
    control = stage.control_plane()
    control.serve("1", table("shop", to("v1")))
    proxy = stage.proxy()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        control.stall()
        traffic.goes_on()
    end(proxy)


def end(proxy):
    begun = time.monotonic()
    proxy.send_signal(signal.SIGTERM)
    code = proxy.wait(PROMPT)
    assert code == 0, f"ended with the code {code}"
    assert time.monotonic() - begun < PROMPT


SCENARIOS = [
    before_the_control_plane,
    without_routes_in_time,
    unknown_name,
    ended_while_it_waits,
    ended_while_it_stalls,
]
