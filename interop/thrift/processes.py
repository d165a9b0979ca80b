"""Thrift's clients and servers as processes."""

import contextlib
import json
from dataclasses import dataclass

from harness import HOST, Bench, Process, free_port
from raw import Raw
from tls import before, context_of

# No timeout has to run out for a connection to be refused; what a client loads for its
# first one takes its time.
REFUSED_MS = 8000


@dataclass(frozen=True)
class Form:
    """How messages look on the wire."""

    transport: str
    protocol: str

    def __str__(self):
        return f"{self.transport} {self.protocol}"

    @property
    def flags(self):
        return ["--transport", self.transport, "--protocol", self.protocol]


class Server(Process):
    def __init__(self, language, command, form, port, *flags):
        self.port = port
        arguments = ["--host", HOST, "--port", port, *form.flags, *flags]
        super().__init__(f"{language} server", [*command, *arguments])

    def wait_ready(self):
        self.wait_line("ready")


class Client(Process):
    """A client that runs one case after the other on one connection."""

    def __init__(self, language, command, form, port, *flags):
        arguments = ["--host", HOST, "--port", port, *form.flags, *flags]
        super().__init__(f"{language} client", [*command, *arguments])

    def start_case(self, case):
        with contextlib.suppress(OSError, ValueError):
            self.write(case)

    def end_case(self, timeout=60):
        """The result of the case that was started."""
        result = self._result(timeout)
        assert result["ok"], result["error"]
        return result

    def _result(self, timeout):
        line = self.line(timeout)
        assert line is not None, f"the {self.name} is gone"
        return json.loads(line)

    def run(self, case, within_ms=None):
        """Runs a case on the connection that the client has held from the start."""
        self.start_case(case)
        result = self.end_case()
        assert result["connections"] == 1, f"{case}: the connection was lost"
        if within_ms is not None:
            assert result["ms"] < within_ms, f"{case} took {result['ms']} ms"

    def expect_refusal(self):
        """No call succeeds, because there is no connection."""
        self.start_case("void")
        result = self._result(60)
        assert not result["ok"], "answered"
        assert result["ms"] < REFUSED_MS, f"refused after {result['ms']} ms: {result['error']}"


class ThriftBench(Bench):
    """A bench that knows the programs."""

    def __init__(self, clients, servers, proxy_command):
        super().__init__("thrift", proxy_command)
        self._clients = clients
        self._servers = servers

    def server(self, language, form, port=None, tls=None):
        program = self._servers[language]
        form = program.listens or form
        flags = ["--tls", tls] if tls else []
        return self.start(
            lambda: Server(language, program.command, form, port or free_port(), *flags)
        )

    def client(self, language, form, port, *flags, tls=None):
        command = self._clients[language].command
        flags = [*flags, "--tls", tls] if tls else flags
        return self.start(lambda: Client(language, command, form, port, *flags))

    def raw(self, form, port):
        return Raw(form, port)


class SecureBench(ThriftBench):
    """A bench on which all speak TLS to each other."""

    def server(self, language, form, port=None):
        return super().server(language, form, port, tls=self.parties.server)

    def client(self, language, form, port):
        return super().client(language, form, port, tls=self.parties.client)

    def raw(self, form, port):
        return Raw(form, port, tls=context_of(self.parties.client))

    def proxy(self, upstreams):
        return before(self, upstreams, self.parties.mode("both"))
