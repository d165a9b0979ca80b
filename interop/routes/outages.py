"""Control planes that go away: calls go on by the last good routes."""

import signal
import time

from routes.control_plane import table, to
from routes.relay import Relay
from routes.stage import expect_connections

# Seconds; several attempts to connect fail in that time.
AWAY = 1.5
# Amid the answer's frame, whose head has nine bytes.
AMID_FRAME = 30


def serve(control, version, cluster, name="shop"):
    control.serve(version, table(name, to(cluster)))


def begin(stage, **options):
    control = stage.control_plane()
    serve(control, "1", "v1")
    return control, stage.proxy(**options)


def killed(stage):
    """And started again at the same address, more than once; once it stays away."""
    control, proxy = begin(stage)
    proxy.wait_connected()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        for number, (away, answer) in enumerate([(0, "v2"), (AWAY, "v1"), (0, "v2")], 2):
            control.send_signal(signal.SIGKILL)
            control.kill()
            proxy.wait_connected(False)
            traffic.goes_on()
            failures = proxy.counted("shop", "shop")["update_failure"]
            time.sleep(away)
            if away:
                assert proxy.counted("shop", "shop")["update_failure"] > failures
            assert proxy.is_live()
            traffic.goes_on()
            control = stage.control_plane()
            # It knows no routes yet.
            control.hear("ask shop")
            proxy.wait_connected()
            traffic.goes_on()
            serve(control, f"{number}", answer)
            traffic.moves_to(answer)
        control.hear_ack()
        control.expect_count("open", 1)
        expect_connections(proxy)
    assert proxy.counted("shop", "shop")["config_reload"] == 4
    proxy.expect_accepted()


def restarted_with_the_same(stage):
    """The same routes from a new process are no change."""
    control, proxy = begin(stage)
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        control.kill()
        proxy.wait_connected(False)
        control = stage.control_plane()
        control.hear("ask shop")
        serve(control, "another", "v1")
        # In delta it is told what is there, and so has nothing to say.
        if not stage.way.is_delta:
            control.hear_ack("another")
        serve(control, "2", "v2")
        control.hear_ack()
        traffic.moves_to("v2")
        found = proxy.counted("shop", "shop")
        success = 2 if stage.way.is_delta else 3
        assert (found["config_reload"], found["update_success"]) == (2, success), found


def stalled(stage):
    """It is there, and does nothing."""
    control, proxy = begin(stage)
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        control.stall()
        traffic.goes_on(100)
        assert proxy.is_live()
        control.resume()
        serve(control, "2", "v2")
        traffic.moves_to("v2")
        # It goes away without having come to itself.
        control.stall()
        traffic.goes_on()
        control.kill()
        proxy.wait_connected(False)
        control = stage.control_plane()
        serve(control, "3", "v1")
        traffic.moves_to("v1")
        expect_connections(proxy)


def stalled_on_the_way(stage):
    """What was sent meanwhile arrives afterwards, all of it."""
    relay, control, proxy = relayed(stage)
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        relay.hold()
        serve(control, "2", "v2")
        traffic.goes_on(100)
        relay.release()
        traffic.moves_to("v2")
        expect_connections(proxy)
    control.expect_count("open", 1)


def cut(stage):
    """Between responses, amid one, and amid the first bytes of a connection."""
    relay, control, proxy = relayed(stage)
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        for number, answer in enumerate(("v2", "v1", "v2"), 2):
            relay.cut()
            serve(control, f"{number}", answer)
            traffic.moves_to(answer)
            control.hear_ack()
        for number, (length, answer) in enumerate(((AMID_FRAME, "v1"), (5, "v2")), 5):
            proxy.wait_connected()
            relay.cut_after(length)
            serve(control, f"{number}", answer)
            traffic.moves_to(answer)
            control.hear_ack()
            assert not relay.is_to_cut, "it was not cut"
        # What begins is cut, too.
        relay.cut_after(20)
        relay.cut()
        relay.cut_after(20)
        serve(control, "7", "v1")
        traffic.moves_to("v1")
        expect_connections(proxy)
    failures = proxy.counted("shop", "shop")["update_failure"]
    assert failures >= 6, f"{failures} failures counted"


def trickled(stage):
    """A few bytes at a time."""
    relay, control, proxy = relayed(stage)
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        relay.slow()
        serve(control, "2", "v2")
        traffic.moves_to("v2")
        # A connection that is so from the start.
        relay.cut()
        serve(control, "3", "v1")
        traffic.moves_to("v1")
        relay.slow(False)
        serve(control, "4", "v2")
        traffic.moves_to("v2")
        expect_connections(proxy)


def relayed(stage):
    relay = Relay(stage.place)
    stage.callback(relay.close)
    control, proxy = begin(stage, via=relay.port)
    proxy.wait_connected()
    return relay, control, proxy


ANYHOW = [killed, stalled]
OVER_TCP = [restarted_with_the_same, stalled_on_the_way, cut, trickled]
