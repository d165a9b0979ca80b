"""Routes that come, and change."""

import statistics
import time

from languages import HEADER
from raw import Raw
from routes.control_plane import table, to
from routes.stage import expect_connections
from routes.traffic import FORM, name_of

OFTEN = 50


def updated(stage):
    """The next call follows new routes; what means the same is no change."""
    control = stage.control_plane()
    control.serve("1", table("shop", to("v1")))
    proxy = stage.proxy()
    proxy.expect_counts(update_success=1, config_reload=1, update_failure=0)
    with stage.traffic(proxy) as traffic, Raw(FORM, proxy.port) as other:
        traffic.moves_to("v1")
        assert name_of(other) == "v1"
        control.serve("2", table("shop", to("v2")))
        control.hear_ack("2" if not stage.way.is_delta else None)
        traffic.moves_to("v2")
        # On another connection, of another worker, the next call is the first.
        assert name_of(other) == "v2"
        # It serves the same under another version: in delta it says nothing.
        control.serve("3", table("shop", to("v2")))
        if not stage.way.is_delta:
            control.hear_ack("3")
        success = 2 if stage.way.is_delta else 3
        proxy.expect_counts(update_success=success, config_reload=2, update_failure=0)
        traffic.goes_on()
        conditions = [("method", "name"), ("method", {"prefix": "na"})]
        control.serve("4", table("shop", to("v1", *conditions), to("v2")))
        traffic.moves_to("v1")
        # Conditions in another order.
        control.serve("5", table("shop", to("v1", *reversed(conditions)), to("v2")))
        control.hear_ack()
        success += 2
        proxy.expect_counts(update_success=success, config_reload=3, update_failure=0)
        traffic.goes_on()
        expect_connections(proxy, count=2)
    control.expect_count("open", 1)
    control.expect_count("nack", 0)
    proxy.expect_accepted()


def updated_often(stage):
    """No call fails, and none goes the old way after one has gone the new one."""
    control = stage.control_plane()
    control.serve("0", table("shop", to("v1")))
    proxy = stage.proxy()
    took = []
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        for number in range(1, OFTEN + 1):
            answer = ("v1", "v2")[number % 2]
            begun = time.monotonic()
            control.serve(f"{number}", table("shop", to(answer)))
            took.append(traffic.moves_to(answer) - begun)
        expect_connections(proxy)
    reloads = OFTEN + 1
    proxy.expect_counts(update_success=reloads, config_reload=reloads, update_failure=0)
    median = statistics.median(took) * 1000
    return f"{OFTEN} updates, the first answer after {median:.1f} ms (median)"


def by_conditions(stage):
    """Routes by what is in the header of a call; both clients keep their connections."""
    control = stage.control_plane()
    control.serve("1", table("shop", to("v2", ("env", "canary")), to("v1")))
    proxy = stage.proxy()

    with stage.traffic(proxy) as traffic, Raw(HEADER[0], proxy.port) as raw:

        def expect(*answers):
            """Those of calls with these in their header."""
            for value, answer in answers:
                raw.suite._oprot.set_header(b"env", value.encode())
                found = name_of(raw)
                assert answer in found, f"{value} is answered {found!r}, not {answer!r}"

        traffic.moves_to("v1")
        expect(("canary", "v2"), ("stable", "v1"), ("canary", "v2"))
        regex = {"safe_regex": {"regex": "st.*"}}
        control.serve("2", table("shop", to("v2", ("method", "name"), ("env", regex)), to("v1")))
        control.hear_ack()
        proxy.expect_counts(update_success=2, config_reload=2)
        expect(("canary", "v1"), ("stable", "v2"), ("canary", "v1"))
        traffic.goes_on()
        control.serve("3", table("shop", to("v2", ("method", {"prefix": "echo"}))))
        traffic.fails_with("no_matched_route")
        expect(("canary", "no_matched_route"))
        assert raw.suite.echoString("as before") == "as before"
        control.serve("4", table("shop", to("v2", ("env", {"prefix": "x"})), to("v1")))
        traffic.moves_to("v1")
        expect(("canary", "v1"), ("xyz", "v2"))


def by_weight(stage):
    control = stage.control_plane()
    control.serve("1", table("shop", to({"v1": 1, "v2": 0})))
    proxy = stage.proxy()
    with Raw(FORM, proxy.port) as raw:

        def share(calls):
            """Of v2, of so many calls."""
            names = [name_of(raw) for _ in range(calls)]
            assert set(names) <= {"v1", "v2"}, f"answered {set(names)}"
            return names.count("v2") / calls

        assert share(50) == 0
        for number, (weights, least, most) in enumerate(
            [
                ({"v1": 1, "v2": 3}, 0.6, 0.9),
                ({"v1": 30, "v2": 10}, 0.1, 0.4),
                ({"v1": 0, "v2": 5}, 1, 1),
            ],
            2,
        ):
            control.serve(f"{number}", table("shop", to(weights)))
            control.hear_ack()
            proxy.expect_counts(update_success=number, config_reload=number)
            found = share(200)
            assert least <= found <= most, f"{found} of the calls with {weights}"
        expect_connections(proxy)


def several_tables(stage):
    """Several listeners ask over one stream, two of them for the same table."""

    def serve(version, **clusters):
        tables = [table(name, to(cluster)) for name, cluster in clusters.items()]
        control.serve(version, *tables)
        if clusters:
            control.hear_ack()

    control = stage.control_plane()
    serve_first = [table(name, to("v1")) for name in ("a", "b", "c")]
    control.serve("1", *serve_first)
    proxy = stage.proxy({"a": "a", "b": "b", "other-b": "b", "c": "c"})
    with (
        stage.traffic(proxy, "a") as a,
        stage.traffic(proxy, "b") as b,
        stage.traffic(proxy, "other-b") as other,
        stage.traffic(proxy, "c") as c,
    ):
        everyone = (a, b, other, c)
        for traffic in everyone:
            traffic.moves_to("v1")
        serve("2", a="v1", b="v2", c="v1")
        for traffic in (b, other):
            traffic.moves_to("v2")
        for traffic in (a, c):
            traffic.goes_on()
        whole = not stage.way.is_delta
        proxy.expect_counts("b", update_success=2, config_reload=2)
        proxy.expect_counts("b", "other-b", update_success=2, config_reload=2)
        proxy.expect_counts("a", update_success=1 + whole, config_reload=1)
        # A table less, and then none at all: nothing changes.
        serve("3", a="v2", c="v1")
        a.moves_to("v2")
        b.goes_on()
        if stage.way.is_delta:
            assert proxy.dumped("b")["client_status"] == "DOES_NOT_EXIST"
        serve("4")
        control.hear_ack()
        for traffic in everyone:
            traffic.goes_on()
        serve("5", a="v1", b="v1", c="v2")
        for traffic, answer in ((a, "v1"), (b, "v1"), (other, "v1"), (c, "v2")):
            traffic.moves_to(answer)
        for name, reloads in (("a", 3), ("b", 3), ("c", 2)):
            assert proxy.counted(name, name)["config_reload"] == reloads
            proxy.expect_accepted(table=name)
            expect_connections(proxy, name)
    control.expect_count("open", 1)
    control.expect_count("nack", 0)


IN_PLAIN_TEXT = [updated_often, by_conditions, by_weight, several_tables]
