"""Frames, for what the libraries neither send nor tell."""

import socket
import struct

from harness import HOST

MAGIC = 0xDABB
HEADER = struct.Struct(">HBBqI")
REQUEST, TWO_WAY, EVENT, HESSIAN2 = 0x80, 0x40, 0x20, 2
OK = 20

HEARTBEAT = b"N"
READONLY = b"\x01R"


class Wire:
    """A connection."""

    def __init__(self, port):
        self._socket = socket.create_connection((HOST, port), timeout=10)
        self._read = self._socket.makefile("rb")

    def send(self, data):
        self._socket.sendall(data)

    def send_heartbeat(self, number):
        flags = REQUEST | TWO_WAY | EVENT | HESSIAN2
        self.send(HEADER.pack(MAGIC, flags, 0, number, len(HEARTBEAT)) + HEARTBEAT)

    def receive(self):
        """The next frame's flags, status, number and body."""
        header = self._read.read(HEADER.size)
        assert len(header) == HEADER.size, f"closed after {header!r}"
        magic, flags, status, number, length = HEADER.unpack(header)
        assert magic == MAGIC, f"no frame: {header!r}"
        return flags, status, number, self._read.read(length)

    def expect_close(self):
        try:
            rest = self._read.read(1)
        except ConnectionResetError:
            rest = b""
        assert rest == b"", f"more than was to come: {rest!r}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._read.close()
        self._socket.close()
