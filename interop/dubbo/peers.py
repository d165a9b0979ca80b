"""Dubbo's programs. Each is a provider or a consumer, and does what it is told."""

import itertools
import json
import threading
from concurrent.futures import Future, TimeoutError
from urllib.parse import quote

from harness import WORK, Bench, Process, free_port
from tls import Parties

JAVA = {"2.7": "2.7.23", "3.2": "3.2.19", "3.3": "3.3.6"}
VERSIONS = [*JAVA, "go"]

# What Hessian2 reads and writes by reflection.
OPENED = ["java.lang", "java.math", "java.time", "java.util", "java.util.concurrent"]

# What URLs say where TLS is spoken.
SECURE = {"ssl-enabled": "true"}

# Seconds; longer than any case.
TIMEOUT = 120

JVM = [
    # For a short start rather than a long run.
    *("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
    "-Ddubbo.application.logger=slf4j",
    "-Ddubbo.application.qos-enable=false",
    # Or 3.x serves at a port of its own besides.
    "-Ddubbo.application.register-mode=interface",
    # Milliseconds that a graceful stop takes.
    "-Ddubbo.service.shutdown.wait=2000",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]


def command(version, tls):
    if version == "go":
        return [WORK / "dubbo/go/interop"]
    built = f"{WORK}/dubbo/java-{JAVA[version]}"
    flags = [*JVM, *tls_flags(tls)] if tls else JVM
    return ["java", *flags, "-cp", f"{built}/classes:{built}/lib/*", "interop.Peer"]


def tls_flags(folder):
    """Of a provider or a consumer. A provider of 3.x takes nothing but TLS from then on."""
    # 3.3 tells its newer Netty no name, which would be compared with the certificate's.
    yield "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE"
    files = ("key-cert-chain", "private-key", "trust-cert-collection")
    for role in ("server", "client"):
        for name, path in zip(files, folder.files):
            yield f"-Ddubbo.ssl.{role}-{name}-path={path}"


class Peer(Process):
    """A program that is told what to do line by line, several things at a time."""

    def __init__(self, version, role, tls=None):
        self.version = version
        self._ids = itertools.count()
        self._pending = {}
        self._writing = threading.Lock()
        super().__init__(f"dubbo {version} {role}", command(version, tls))

    def _read(self):
        for line in self._child.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                self._pending.pop(answer["id"]).set_result(answer)
            else:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
        while self._pending:
            _, future = self._pending.popitem()
            future.set_exception(AssertionError(f"the {self.name} is gone"))

    def wait_ready(self):
        self.wait_line("ready")

    def begin(self, command, **options):
        """Tells it to do something; the answer comes as a future's result."""
        words = [command]
        words += [f"{key}={quote(str(value), safe='')}" for key, value in options.items()]
        future = Future()
        with self._writing:
            number = next(self._ids)
            self._pending[number] = future
            self.write(f"{number} {' '.join(words)}")
        return future

    def ask(self, command, timeout=TIMEOUT, **options):
        return finish(self.begin(command, **options), timeout)


class Provider(Peer):
    def __init__(self, version, tls=None):
        self._lock = threading.Lock()
        self._ports = []
        super().__init__(version, "provider", tls)

    def export(self, port=None, **parameters):
        """Serves at one more port, or, as dubbo-go's can do it only once, at the same."""
        with self._lock:
            if self.version == "go" and self._ports:
                return self._ports[0]
            port = port or free_port()
            self.ask("export", port=port, **parameters)
            self._ports.append(port)
            return port


class Consumer(Peer):
    def __init__(self, version, tls=None):
        super().__init__(version, "consumer", tls)

    def begin_case(self, name, port, own=None, **parameters):
        """Of the options, those that are the case's own begin with `@`."""
        marked = {f"@{key}": value for key, value in (own or {}).items()}
        return self.begin("case", name=name, port=port, **marked, **parameters)

    def run(self, name, port, own=None, within_ms=None, **parameters):
        result = finish(self.begin_case(name, port, own, **parameters))
        if within_ms is not None:
            assert result["ms"] < within_ms, f"{name} took {result['ms']} ms"

    def release(self, port):
        """Closes the connections to a port, if the library can."""
        self.ask("release", port=port)


def finish(future, timeout=TIMEOUT):
    """The answer to what was begun."""
    try:
        answer = future.result(timeout)
    except TimeoutError:
        raise AssertionError(f"no answer within {timeout} s") from None
    assert answer["ok"], answer["error"]
    return answer


class Fleet:
    """Programs that all cases share, each started when first needed."""

    def __init__(self, bench):
        self._bench = bench
        self._locks = {}
        self._peers = {}
        self._lock = threading.Lock()

    def provider(self, version, secure=False):
        return self._peer(Provider, version, self._bench.parties.server if secure else None)

    def consumer(self, version, secure=False):
        return self._peer(Consumer, version, self._bench.parties.client if secure else None)

    def _peer(self, make, version, tls):
        key = make, version, tls
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._peers:
                self._peers[key] = self._bench.start(lambda: make(version, tls))
            return self._peers[key]


class DubboBench(Bench):
    """A bench with a fleet of its own, or another's."""

    def __init__(self, proxy_command, outer=None):
        super().__init__("dubbo", proxy_command)
        self.parties = outer.parties if outer else Parties(self.folder())
        self.fleet = outer.fleet if outer else Fleet(self)

    def inner(self):
        """A bench for what does not outlast a case."""
        return DubboBench(self._proxy_command, self)

    def own_provider(self, version):
        """A provider that may be killed."""
        return self.start(lambda: Provider(version))
