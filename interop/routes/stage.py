"""What a scenario has: a control plane, a proxy that asks it, and servers."""

import http.client
import json
import os
import socket
import time

from bootstrap import bootstrap_of, cluster, filter_chain, listener
from harness import Bench, Proxy, free_port, wait_until
from languages import HEADER, go
from processes import Server
from routes.control_plane import ControlPlane, RdsServer
from routes.traffic import PATIENCE, Traffic

# Of the servers; each answers with its name.
NAMES = ("v1", "v2")
# A listener, and its table.
SHOP = {"shop": "shop"}
COUNTERS = (
    "update_success",
    "update_rejected",
    "update_empty",
    "config_reload",
    "init_fetch_timeout",
)
# What comes of a name that is asked for; `update_attempt` counts the asking, too.
ATTEMPTS = ("update_success", "update_rejected", "update_failure", "init_fetch_timeout")


class Backends(Bench):
    """The servers, for all scenarios."""

    def __init__(self):
        super().__init__("thrift", None)
        self.ports = {name: self._server(name).port for name in NAMES}

    def _server(self, name):
        # In this form it takes all others, too.
        return self.start(
            lambda: Server("go", go("server"), HEADER[0], free_port(), "--name", name)
        )


class AdminConnection(http.client.HTTPConnection):
    """Over a unix socket, whose path nobody else may take."""

    def __init__(self, path):
        super().__init__("admin", timeout=10)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class LiveProxy(Proxy):
    """A proxy whose routes come from elsewhere; a listener for each table."""

    def __init__(self, ports, admin, command):
        self.ports = ports
        self._admin_path = admin
        first = next(iter(ports.values()))
        super().__init__(first, None, command)

    def _connection(self):
        return AdminConnection(self._admin_path)

    def wait_ready(self):
        """The admin answers; whether it is ready is another question."""
        wait_until(self._answers, f"the {self.name} does not answer", 10)

    def _answers(self):
        assert self._child.poll() is None, f"the {self.name} ended"
        try:
            self._ask("/ready")
        except (ConnectionError, FileNotFoundError):
            return False
        return True

    def is_live(self):
        status, body = self._ask("/ready")
        assert status in (200, 503), f"/ready answers {status}"
        return status == 200

    def wait_live(self, seconds=15):
        wait_until(self.is_live, "/ready is 503 still", seconds)
        for line in self._get("/listeners").splitlines():
            name, _, address = line.partition("::")
            self.ports[name] = int(address.rpartition(":")[2])

    def counted(self, listener, table):
        """What is counted of a table."""
        prefix = f"meta_protocol.{listener}.rds.{table}."
        return {
            name.removeprefix(prefix): value
            for name, value in self.stats().items()
            if name.startswith(prefix)
        }

    def expect_counts(self, table="shop", listener=None, **counts):
        """So much has come of a table, and nothing else; of streams that failed the number
        need not be told."""
        want = {name: counts.get(name, 0) for name in COUNTERS}

        def got():
            found = self.counted(listener or table, table)
            return {name: found.get(name) for name in want}

        wait_until(lambda: got() == want, lambda: f"{table}: counted {got()}, not {want}")
        found = self.counted(listener or table, table)
        attempts = 1 + sum(found[name] for name in ATTEMPTS)
        assert found["update_attempt"] == attempts, f"{found} do not add up"
        if "update_failure" in counts:
            failures = found["update_failure"]
            assert failures == counts["update_failure"], f"{failures} failures counted"

    def dumped(self, table="shop"):
        """The table as the admin shows it."""
        query = f"resource=dynamic_route_configs&name_regex={table}"
        [item] = json.loads(self._get(f"/config_dump?{query}"))["configs"]
        return item

    def expect_refusal(self, reason, version=None, table="shop"):
        """The admin shows what was refused last, and why; versions of delta are hashes."""

        def error():
            return self.dumped(table).get("error_state", {})

        def is_shown():
            found = error()
            shown = found.get("version_info")
            return reason in found.get("details", "") and version in (None, shown)

        wait_until(is_shown, lambda: f"the error state is {error()}, not {reason!r}, {version}")

    def expect_accepted(self, version=None, table="shop"):
        """The last version is in force, and nothing is told of earlier ones."""

        def found():
            item = self.dumped(table)
            return item["client_status"], item.get("error_state"), item.get("version_info")

        def is_good():
            status, error, shown = found()
            return (status, error) == ("ACKED", None) and version in (None, shown)

        wait_until(is_good, lambda: f"the dump says {found()}")

    def wait_connected(self, connected=True):
        state = "control_plane.connected_state"
        wait_until(
            lambda: self.stats()[state] == connected,
            f"{state} is {int(not connected)}",
            PATIENCE,
        )

    def cpu_seconds(self):
        """What it has used of the processor."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


class Stage(Bench):
    """A bench for one scenario, whose proxy reaches its control plane in one way."""

    def __init__(self, way, backends, proxy_command):
        super().__init__("thrift", proxy_command)
        self.way = way
        self.backends = backends
        self.command = proxy_command
        # Where the control plane is, or will be.
        self.place = free_port() if way.socket == "tcp" else self.folder() / "control.sock"

    def control_plane(self, folder=None, by_hand=False):
        """Starts it, where the last one was."""
        return self.start(lambda: ControlPlane(self.place, *self._secured(folder), by_hand))

    def rds_server(self, folder):
        """Starts it, with the files of the folder."""
        secured = self._secured()
        return self.start(lambda: RdsServer(self.command, folder, self.place, *secured))

    def _secured(self, folder=None):
        """The files of a control plane, if it speaks TLS, and whether clients have some."""
        tls = (folder or self.parties.server) if self.way.tls else None
        return tls, self.way.tls == "mutual"

    def proxy(self, listeners=SHOP, via=None, fetch_timeout=0, live=True):
        """A proxy whose listeners ask for tables. `via` is where it finds the control
        plane."""
        place = via or self.place
        source = self.way.source(place, self.parties, fetch_timeout)
        more = self.way.clusters(place, self.parties)
        proxy = self.proxy_of(listeners, source, more)
        if live:
            proxy.wait_live()
        return proxy

    def clusters(self, **instead):
        """Those of the servers; another server may stand in for one."""
        ports = self.backends.ports
        return [cluster(name, [ports[instead.get(name, name)]]) for name in ports]

    def proxy_of(self, listeners, source, more=()):
        """A proxy of these listeners, with their tables out of that source."""

        def make():
            folder = self.folder()
            admin = folder / "admin.sock"
            # For a few: of many, two would be the same.
            few = len(listeners) < 10
            ports = {name: free_port() if few else 0 for name in listeners}
            made = [
                listener(name, ports[name], [chain(name, table, source)])
                for name, table in listeners.items()
            ]
            path = folder / "bootstrap.json"
            path.write_text(json.dumps(bootstrap_of(made, admin, [*self.clusters(), *more])))
            flags = ["--drain-time-s", "3"]
            return LiveProxy(ports, admin, [*self.command, "run", "-c", path, *flags])

        return self.start(make)

    def traffic(self, proxy, listener=None):
        return Traffic(proxy.ports[listener] if listener else proxy.port)


def chain(name, table, source):
    routes = {"route_config_name": table, "config_source": source}
    return filter_chain("thrift", routes, stat_prefix=name)


def expect_connections(proxy, listener="shop", count=1, errors=False):
    """Those of the clients, which are all still there; and no call has failed, or some
    have."""
    stats = proxy.stats()
    prefix = f"meta_protocol.{listener}."
    found = {
        name: stats[f"{prefix}{name}"]
        for name in ("downstream_cx_total", "downstream_cx_active", "request_decoding_error")
    }
    want = dict.fromkeys(found, count) | {"request_decoding_error": 0}
    assert found == want, f"counted {found}"
    failed = stats[f"{prefix}local_response_error"]
    assert bool(failed) == errors, f"{failed} calls failed"


def elapsed(since):
    return f"{(time.monotonic() - since) * 1000:.0f} ms"
