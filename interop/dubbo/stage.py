"""Consumers that do the same at once, each through a proxy of its own."""

import time
from concurrent.futures import ThreadPoolExecutor

from dubbo.peers import finish


class Link:
    """A consumer and its proxy."""

    def __init__(self, version, consumer, proxy):
        self.version = version
        self.consumer = consumer
        self.proxy = proxy
        self.error = None
        self._begun = None

    def run(self, name, own=None, within_ms=None, **parameters):
        self.consumer.run(name, self.proxy.port, own, within_ms, **parameters)

    def begin(self, name, own=None, **parameters):
        """Returns when the call is under way."""
        self._begun = self.consumer.begin_case(name, self.proxy.port, own, **parameters)
        deadline = time.monotonic() + 10
        while not self.proxy.stats()["cluster.quick.upstream_rq_active"]:
            assert time.monotonic() < deadline, "the call does not arrive"
            time.sleep(0.02)

    def end(self, within_ms):
        """The case that was begun ends well, and soon from now on."""
        started = time.monotonic()
        finish(self._begun)
        ms = (time.monotonic() - started) * 1000
        assert ms < within_ms, f"it took another {ms:.0f} ms"

    def load(self, threads):
        self.consumer.ask("load", port=self.proxy.port, threads=threads)

    def unload(self):
        return Load(self.consumer.ask("unload", port=self.proxy.port)["value"])

    def is_kept(self, connections="meta_protocol.quick.downstream_cx"):
        """The connections that were opened are still there, unless said otherwise those
        of the consumer."""
        stats = self.proxy.stats()
        total, active = stats[f"{connections}_total"], stats[f"{connections}_active"]
        assert active == total, f"{active} connections of {total} are left"

    def settle(self):
        self.proxy.settle(connected=True)


class Load:
    """How a load went."""

    def __init__(self, text):
        *counts, self.errors = text.split(" ", 4)
        self.answered, self.failed, self.answered_since, self.longest_ms = map(int, counts)


class Stage:
    """What a scenario is run with."""

    def __init__(self, bench, versions, full):
        self.bench = bench
        self.full = full
        self.versions = versions
        self.links = []

    def link(self, upstreams, *flags):
        """Puts a proxy before each consumer."""
        for version in self.versions:
            consumer = self.bench.fleet.consumer(version)
            self.links.append(Link(version, consumer, self.bench.proxy(upstreams, *flags)))

    def all(self, action, *arguments, **options):
        """Does the same with all links at once; those that fail are left out from then on."""
        links = [link for link in self.links if link.error is None]

        def do(link):
            try:
                action(link, *arguments, **options)
            except AssertionError as e:
                link.error = str(e) or "failed"

        with ThreadPoolExecutor(max(len(links), 1)) as pool:
            list(pool.map(do, links))
