"""THeader through a proxy: what comes among it, whose headers are whose, and what is
refused. The servers take all forms, and answer in kind."""

import struct
import zlib

from harness import for_each
from languages import FORMS, FRAMED, HEADER
from raw import Raw
from suite.constants import CONTAINERS
from thrift.Thrift import TApplicationException

SERVERS = ["python-header", "go-header"]


def start(bench, server, *flags):
    return bench.proxy([bench.server(server, HEADER[0]).port], *flags)


def plain_among_headers(server, bench):
    """A connection that begins with THeader may go on with any form."""
    proxy = start(bench, server)
    for form in HEADER:
        with Raw(form, proxy.port) as raw:
            for other in [form, *FORMS, form, *reversed(HEADER), *FORMS]:
                suite = raw.as_form(other)
                got = suite.echoContainers(CONTAINERS)
                assert got == CONTAINERS, f"{other} after {form}: got {got!r:.200}"
    proxy.settle()


def plain_among_headers_at_once(server, bench):
    """The same, and no call waits for the answer before. Without buffered forms, whose
    client reads more than its own answer."""
    proxy = start(bench, server)
    with Raw(HEADER[0], proxy.port) as raw:
        forms = [*HEADER, *FRAMED, *reversed(HEADER), *FRAMED, *HEADER]
        suites = [raw.as_form(form) for form in forms]
        for number, suite in enumerate(suites):
            suite.send_slow(len(suites) - number)
        for number, suite in enumerate(suites):
            want = len(suites) - number
            got = suite.recv_slow()
            assert got == want, f"{forms[number]}: got {got}, want {want}"
    proxy.settle()


def headers_of_several(server, bench, *flags):
    """Clients at once, each with headers of its own in each call."""
    proxy = start(bench, server, *flags)

    def client(number):
        with Raw(HEADER[number % len(HEADER)], proxy.port) as raw:
            protocol = raw.suite._oprot
            for call in range(50):
                mine = {f"key-{number}": f"{call}", "client": str(number)}
                for key, value in mine.items():
                    protocol.set_header(key.encode(), value.encode())
                got = raw.suite.headers({"of": f"{number}/{call}"})
                assert got == mine, f"the server got {got}, want {mine}"
                got = protocol.get_headers()
                want = {b"of": f"{number}/{call}".encode()}
                assert got == want, f"the client got {got}, want {want}"

    for_each(range(8), client, 8)
    proxy.settle()


def headers_of_several_shared(server, bench):
    headers_of_several(server, bench, "--multiplexing")


def inflated(server, bench):
    """Far more than there is on the wire."""
    proxy = start(bench, server)
    with Raw(HEADER[2], proxy.port) as raw:
        for size in (1 << 20, 12 << 20):
            got = raw.suite.echoBinary(bytes(size))
            assert got == bytes(size), f"got {len(got)} bytes, want {size}"
    proxy.settle()


def refused(server, bench):
    """What is no THeader costs its own connection, and is said where it can be."""
    proxy = start(bench, server)
    message = b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0"
    messages = {
        "an unknown transform": framed(b"\x00\x01\x09\x00", message),
        "an unknown protocol": framed(b"\x05\x00\x00\x00", message),
        "zlib that is none": framed(b"\x00\x01\x01\x00", b"\xee" * 40),
        "zlib of nothing": framed(b"\x00\x01\x01\x00", zlib.compress(b"")),
        "more header than frame": framed(b"\x00\x00\x00\x00", message, words=200),
        "an info header longer than all": framed(b"\x00\x00\x01\x01\x7f\x00\x00\x00", message),
    }
    with Raw(HEADER[0], proxy.port) as stays:
        for name, bytes in messages.items():
            with Raw(HEADER[0], proxy.port) as raw:
                raw.socket.sendall(bytes)
                try:
                    raw.suite.recv_ping()
                except TApplicationException:
                    pass
                except (EOFError, ConnectionResetError):
                    pass
                except Exception as e:
                    assert "read 0 bytes" in str(e), f"{name}: {e}"
                else:
                    raise AssertionError(f"{name}: answered")
            stays.suite.ping()
    proxy.expect_decoding_errors(len(messages))
    proxy.settle()


def framed(area, payload, words=None):
    """A THeader frame; its header area is `words` words by what it says."""
    words = len(area) // 4 if words is None else words
    rest = struct.pack("!HHiH", 0x0FFF, 0, 0, words) + area + payload
    return struct.pack("!i", len(rest)) + rest


SCENARIOS = [
    plain_among_headers,
    plain_among_headers_at_once,
    headers_of_several,
    headers_of_several_shared,
    inflated,
    refused,
]
