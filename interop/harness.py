"""The processes of a run, and the report of its cases."""

import contextlib
import http.client
import json
import queue
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from bootstrap import HOST, bootstrap
from tls import Parties

HERE = Path(__file__).parent
WORK = HERE / ".work"
LOGS = WORK / "logs"
# Seconds; how long the proxies under test let a request wait unless a case says.
REQUEST_TIMEOUT = 6


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Process:
    """A child whose stdout is read line by line; its stderr goes to a log."""

    running = set()

    def __init__(self, name, command):
        self.name = name
        self._log = (LOGS / f"{name.replace(' ', '-')}.log").open("ab")
        self._child = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        Process.running.add(self)

    def _read(self):
        for line in self._child.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, timeout=30):
        """The next line; None when there will be no more."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"{self.name} printed nothing for {timeout} s") from None
        if line is None:
            self._lines.put(None)
        return line

    def wait_line(self, start):
        while (line := self.line()) is not None:
            if line.startswith(start):
                return
        log = Path(self._log.name).relative_to(HERE)
        raise AssertionError(f"{self.name} ended before it said `{start}`; see {log}")

    def wait_ready(self):
        """Returns when the process serves; one that only asks is ready at once."""

    def logged(self, part):
        """How many lines of the log have this in them, those of others by its name too."""
        log = Path(self._log.name).read_text()
        return sum(part in line for line in log.splitlines())

    def write(self, line):
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()

    @property
    def pid(self):
        return self._child.pid

    def send_signal(self, number):
        self._child.send_signal(number)

    def terminate(self):
        self._child.terminate()

    def wait(self, timeout):
        return self._child.wait(timeout)

    def kill(self):
        """Ends it at once, as a crash would."""
        Process.running.discard(self)
        self._child.kill()
        self._child.wait()
        self._reader.join()
        self._child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        self._log.close()


class Proxy(Process):
    # Another proxy has other statistics, and is asked only what clients see.
    ours = True

    def __init__(self, port, admin, command):
        self.port = port
        self._admin = f"{HOST}:{admin}"
        super().__init__("proxy", command)

    @classmethod
    def quick(cls, command, protocol, upstreams, *flags):
        port, admin = free_port(), free_port()
        upstream = ",".join(f"{HOST}:{port}" for port in upstreams)
        return cls(
            port,
            admin,
            [
                *(*command, "quick", "--protocol", protocol),
                *("--listen", f"{HOST}:{port}", "--upstream", upstream),
                *("--admin", f"{HOST}:{admin}", *flags),
            ],
        )

    def wait_ready(self):
        self.wait_line("listening on")
        self._get("/ready")

    def _get(self, path):
        status, body = self._ask(path)
        assert status == 200, f"{path} answers {status}"
        return body

    def _ask(self, path):
        with contextlib.closing(self._connection()) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def _connection(self):
        return http.client.HTTPConnection(self._admin, timeout=5)

    def stats(self):
        lines = (line.partition(": ") for line in self._get("/stats").splitlines())
        return {name: int(value) for name, _, value in lines if value.isdecimal()}

    def active(self, connected):
        """What has not ended. Idle upstream connections may wait in the pool."""
        stats = self.stats()
        assert "meta_protocol.quick.request_active" in stats
        # What the proxy is made of does not end.
        ignored = ("upstream_cx_active", "listeners_active")
        ignored += ("downstream_cx_active",) * connected
        return {
            name: value
            for name, value in stats.items()
            if name.endswith("_active") and not name.endswith(ignored) and value
        }

    def settle(self, connected=False):
        """Nothing is in flight once the clients are gone, or still connected but idle,
        and the time is over that a oneway call of Go's may hold a connection to its
        server."""
        if not self.ours:
            return
        deadline = time.monotonic() + REQUEST_TIMEOUT + 5
        while (active := self.active(connected)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not active, f"still counted: {active}"

    def expect_decoding_errors(self, count):
        """So many messages of clients could not be read."""
        if self.ours:
            errors = self.stats()["meta_protocol.quick.request_decoding_error"]
            assert errors == count, f"{errors} decoding errors counted, not {count}"


class Bench(contextlib.ExitStack):
    """Starts processes, and ends those that still run when it is left."""

    def __init__(self, protocol, proxy_command):
        super().__init__()
        self.protocol = protocol
        self._proxy_command = proxy_command

    def start(self, make):
        # Another process may take the free port first.
        for attempt in range(3):
            process = make()
            self.callback(process.kill)
            try:
                process.wait_ready()
                return process
            except AssertionError:
                if attempt == 2:
                    raise

    @cached_property
    def parties(self):
        """Certificates for those who speak TLS."""
        return Parties(self.folder())

    def folder(self):
        """A new one, which is gone when the bench is left."""
        return Path(self.enter_context(tempfile.TemporaryDirectory(dir=WORK)))

    def proxy(self, upstreams, *flags):
        if "--request-timeout-ms" not in flags:
            flags = ("--request-timeout-ms", str(REQUEST_TIMEOUT * 1000), *flags)
        return self.start(
            lambda: Proxy.quick(self._proxy_command, self.protocol, upstreams, *flags)
        )

    def configured_proxy(self, *parts):
        """A proxy with a bootstrap of such parts."""

        def make():
            port, admin = free_port(), free_port()
            path = self.folder() / "bootstrap.json"
            path.write_text(json.dumps(bootstrap(port, admin, *parts), indent=2))
            return Proxy(port, admin, [*self._proxy_command, "run", "-c", path])

        return self.start(make)


def wait_until(condition, otherwise, seconds=15):
    """Asks again and again; `otherwise` says what is wrong at the end."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.05)


def wait_for_lines(path, want):
    """The log comes to say this, in whatever order: each worker writes now and then."""

    def lines():
        return sorted(path.read_text().splitlines())

    wait_until(lambda: lines() == sorted(want), lambda: f"the log says {lines()}, not {want}")


def for_each(items, function, jobs):
    """Calls the function with each item, so many at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(function, items))
        except BaseException:
            # The pool waits for the calls under way, and those for their processes.
            for process in [*Process.running]:
                process.kill()
            raise


class Report:
    """Prints each case as it ends, and counts."""

    def __init__(self, filter):
        self._filter = filter
        self._lock = threading.Lock()
        self.passed = 0
        self.failed = 0

    def wants(self, label):
        return self._filter in label

    def add(self, label, error=None):
        with self._lock:
            if error is None:
                self.passed += 1
                print(f"ok   {label}", flush=True)
            else:
                self.failed += 1
                print(f"FAIL {label}: {' '.join(error.split())}", flush=True)

    def tell(self, text):
        """Something of a case, for people to read."""
        with self._lock:
            print(f"     {text}", flush=True)

    def skip(self, label, reason):
        with self._lock:
            print(f"skip {label}: {reason}", flush=True)

    @contextlib.contextmanager
    def case(self, label):
        """A case that fails when its body raises."""
        try:
            yield
        except AssertionError as e:
            self.add(label, str(e))
        except Exception as e:
            self.add(label, f"{type(e).__name__}: {e}")
        else:
            self.add(label)
