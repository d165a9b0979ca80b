"""The control planes, as processes: `interop/rds`, and `meta-proxy rds-server`."""

import json
import signal

from harness import HOST, WORK, Process
from routes.traffic import PATIENCE

PROGRAM = WORK / "rds-control-plane"
TABLE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
# Envoy's code for what it refuses (INTERNAL).
REFUSED = 13


class ControlPlane(Process):
    """go-control-plane, or with `by_hand` one that says only what it is told to say."""

    def __init__(self, place, tls=None, mutual=False, by_hand=False):
        self._said = []
        self._mark = 0
        command = [PROGRAM, "-listen", at(place)]
        command += ["-tls", tls] if tls else []
        command += ["-mutual"] if mutual else []
        command += ["-by-hand"] if by_hand else []
        super().__init__("control plane", command)

    def wait_ready(self):
        self.wait_line("listening")

    def serve(self, version, *tables):
        self.tell(f"serve {version} {json.dumps(tables)}")

    def say(self, version, *resources, nonce=None, **more):
        """By hand; a resource is a table, or what it is made of."""
        items = [
            {"name": item["name"], "table": item} if "virtual_hosts" in item else item
            for item in resources
        ]
        nonce = f"nonce-{version}" if nonce is None else nonce
        said = {"version": version, "nonce": nonce, "resources": items, **more}
        self.tell(f"send {json.dumps(said)}")

    def tell(self, command):
        """Does that, and waits until it is done. What clients say of it may come earlier."""
        self._catch_up()
        self._mark = len(self._said)
        self.write(command)
        self.hear(f"done {command.split()[0]}")

    def hear(self, beginning, part=""):
        """What clients said since it was told something last, or say next: a line that
        begins so, with this in it."""
        place = self._mark
        while True:
            for line in self._said[place:]:
                if line.startswith(beginning) and part in line:
                    return line
            place = len(self._said)
            self._said.append(self._next(f"{beginning}{part}"))

    def _next(self, awaited):
        try:
            line = self.line(PATIENCE)
        except AssertionError:
            said = self._said[-3:]
            raise AssertionError(f"the proxy does not say {awaited!r}, but {said}") from None
        assert line is not None, "the control plane is gone"
        return line

    def hear_ack(self, version=None):
        """A response was taken: this version, or in delta the last."""
        self.hear(f"ack {version} " if version else "ack ")

    def hear_refusal(self, reason):
        """A response was refused because of this."""
        while True:
            line = self.hear("nack ")
            refusal = json.loads(line.removeprefix("nack "))
            assert reason in refusal["reason"], f"refused because of {refusal['reason']!r}"
            assert refusal["code"] == REFUSED, f"refused with the code {refusal['code']}"
            return refusal

    def count(self, beginning):
        """How often clients said something that begins so, from the start."""
        self._catch_up()
        return sum(line.startswith(beginning) for line in self._said)

    def expect_count(self, beginning, count):
        found = self.count(beginning)
        assert found == count, f"the proxy said {beginning!r} {found} times, not {count}"

    def stall(self):
        self.send_signal(signal.SIGSTOP)

    def resume(self):
        self.send_signal(signal.SIGCONT)

    def _catch_up(self):
        while not self._lines.empty():
            line = self.line()
            if line is None:
                return
            self._said.append(line)


class RdsServer(Process):
    """`meta-proxy rds-server`."""

    def __init__(self, command, folder, place, tls=None, mutual=False):
        command = [*command, "rds-server", "--routes", folder, "--listen", at(place)]
        if tls:
            chain, key, authority = tls.files
            command += ["--tls-cert", chain, "--tls-key", key]
            command += ["--client-ca", authority] if mutual else []
        super().__init__("rds-server", command)

    def wait_ready(self):
        self.wait_line("serving routes on")


def at(place):
    return f"{HOST}:{place}" if isinstance(place, int) else f"unix:{place}"


def table(name, *routes):
    """A table of routes; see `to`."""
    host = {"name": "all", "domains": ["*"], "routes": list(routes)}
    return {"name": name, "virtual_hosts": [host]}


def to(cluster, *conditions):
    """A route to a cluster, or by weights to several, of the requests whose attributes
    match: exactly, or as a `StringMatcher` says."""
    if isinstance(cluster, str):
        action = {"cluster": cluster}
    else:
        clusters = [{"name": name, "weight": weight} for name, weight in cluster.items()]
        action = {"weighted_clusters": {"clusters": clusters}}
    headers = [
        {"name": name, "string_match": match if isinstance(match, dict) else {"exact": match}}
        for name, match in conditions
    ]
    return {"match": {"prefix": "/", "headers": headers}, "route": action}
