"""Tables that go-control-plane serves, though something is wrong with them."""

import time

from routes.control_plane import table, to
from routes.stage import expect_connections

NO_REGEX = ("method", {"safe_regex": {"regex": "(name"}})
WRONG = [
    (
        {"name": "shop"},
        "virtual_hosts: expected one virtual host, which has all the routes; found 0",
    ),
    (
        {"name": "shop", "virtual_hosts": table("shop", to("v2"))["virtual_hosts"] * 2},
        "virtual_hosts: expected one virtual host, which has all the routes; found 2",
    ),
    (
        table("shop", to("v2", NO_REGEX)),
        "virtual_hosts[0].routes[0].match.headers[0].string_match.safe_regex.regex: ",
    ),
    (
        table("shop", to("v2"), {"match": {"prefix": "/"}}),
        "virtual_hosts[0].routes[1].route: required: a route forwards to a cluster; "
        "there is no action",
    ),
    (
        table("shop", to({"v1": 0, "v2": 0})),
        "virtual_hosts[0].routes[0].route",
    ),
    (
        table("shop", {"match": {"prefix": "/shop"}, "route": {"cluster": "v2"}}),
        "virtual_hosts[0].routes[0].match.path_specifier: ",
    ),
]
# Seconds.
INSISTED = 2


def refused(stage):
    """Each with its reason; calls go on by the last good routes, and follow the next."""
    control = stage.control_plane()
    control.serve("1", table("shop", to("v1")))
    proxy = stage.proxy()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        version, answer = "1", "v1"
        for number, (wrong, reason) in enumerate(WRONG, 1):
            control.serve(f"bad-{number}", wrong)
            refusal = control.hear_refusal(reason)
            # In state of the world it tells the version that it goes on with.
            assert stage.way.is_delta or refusal["version"] == version, refusal
            traffic.goes_on()
            proxy.expect_refusal(reason, None if stage.way.is_delta else f"bad-{number}")
            dumped = proxy.dumped()
            assert dumped["client_status"] == "NACKED", dumped
            assert answer in str(dumped["route_config"]), dumped
            answer = {"v1": "v2", "v2": "v1"}[answer]
            version = f"{number + 1}"
            control.serve(version, table("shop", to(answer)))
            traffic.moves_to(answer)
            control.hear_ack(None if stage.way.is_delta else version)
            proxy.expect_accepted()
        expect_connections(proxy)
        # A cluster that is not there may come later: that is for its requests to say.
        control.serve("nowhere", table("shop", to("nowhere")))
        control.hear_ack()
        traffic.fails_with("unknown_cluster", "nowhere")
        control.serve("last", table("shop", to(answer)))
        traffic.moves_to(answer)
    found = proxy.counted("shop", "shop")
    reloads = len(WRONG) + 3
    assert (found["config_reload"], found["update_success"]) == (reloads, reloads), found
    # In state of the world each may have come more than once, since it is sent again at once.
    assert found["update_rejected"] >= len(WRONG), found
    assert not stage.way.is_delta or found["update_rejected"] == len(WRONG), found
    control.expect_count("open", 1)


def insisted_on(stage):
    """A control plane that sends again at once what was refused costs next to nothing."""
    control = stage.control_plane()
    control.serve("1", table("shop", to("v1")))
    proxy = stage.proxy()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        control.serve("2", {"name": "shop"})
        control.hear_refusal("expected one virtual host")
        traffic.goes_on()
        # So that it has nothing else to do.
        traffic.pause()
        used, nacks = proxy.cpu_seconds(), control.count("nack")
        time.sleep(INSISTED)
        used, nacks = proxy.cpu_seconds() - used, control.count("nack") - nacks
        traffic.resume()
        assert used < INSISTED / 10, f"{used:.2f} s of CPU in {INSISTED} s"
        most = 0 if stage.way.is_delta else 20
        assert nacks <= most, f"refused {nacks} times in {INSISTED} s"
        assert stage.way.is_delta or nacks, "it does not insist"
        traffic.goes_on()
        control.serve("3", table("shop", to("v2")))
        traffic.moves_to("v2")
        expect_connections(proxy)
    proxy.expect_accepted()
