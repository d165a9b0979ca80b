"""A thousand tables."""

import random
import time

from harness import wait_until
from raw import Raw
from routes.control_plane import table, to
from routes.stage import elapsed
from routes.traffic import FORM, name_of

COUNT = 1000
ASKED = 20


def thousand_listeners(stage):
    """Each with a table of its own, over one stream; an update of all of them, and of one."""
    names = [f"shop-{number}" for number in range(COUNT)]
    control = stage.control_plane()

    def serve(version, clusters):
        begun = time.monotonic()
        control.serve(version, *(table(name, to(cluster)) for name, cluster in clusters.items()))
        return begun

    def expect_reloads(total):
        def found():
            stats = proxy.stats().items()
            return sum(value for name, value in stats if name.endswith(".config_reload"))

        wait_until(lambda: found() == total, lambda: f"{found()} reloads, not {total}", 30)

    def expect_answers(clusters):
        for name in asked:
            with Raw(FORM, proxy.ports[name]) as raw:
                found = name_of(raw)
                assert found == clusters[name], f"{name} answers {found}"

    asked = random.sample(names, ASKED)
    first = dict.fromkeys(names, "v1")
    begun = serve("1", first)
    proxy = stage.proxy({name: name for name in names}, live=False)
    proxy.wait_live(30)
    started = elapsed(begun)
    expect_reloads(COUNT)
    expect_answers(first)

    second = dict.fromkeys(names, "v2")
    begun = serve("2", second)
    expect_reloads(2 * COUNT)
    updated = elapsed(begun)
    expect_answers(second)

    third = {**second, asked[0]: "v1"}
    serve("3", third)
    expect_reloads(2 * COUNT + 1)
    expect_answers(third)
    control.expect_count("open", 1)
    control.expect_count("nack", 0)
    return f"{COUNT} listeners serve after {started}, all have other routes after {updated}"
