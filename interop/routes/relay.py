"""What stands between a proxy and its control plane, and is no good."""

import contextlib
import socket
import struct
import threading
import time

from bootstrap import HOST

# Bytes at a time of a slow line, and how long each takes.
SLICE = 3
SLICE_SECONDS = 0.001
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes on what either side sends, until it is told otherwise."""

    def __init__(self, port):
        self._to = port
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs = set()
        self._open = threading.Event()
        self._open.set()
        self._slow = False
        # Bytes that the control plane may send still.
        self._left = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((HOST, self._to))
                except OSError:
                    client.close()
                    continue
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pair = (client, server)
                with self._lock:
                    self._pairs.add(pair)
                for ends in (pair, pair[::-1]):
                    threading.Thread(target=self._pass, args=(pair, *ends), daemon=True).start()

    def _pass(self, pair, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(SLICE if self._slow else 65536):
                self._open.wait()
                if source is pair[1] and self._left is not None:
                    data = data[: self._left]
                    self._left -= len(data)
                    target.sendall(data)
                    if self._left == 0:
                        # What was sent arrives before the end.
                        time.sleep(0.05)
                        break
                    continue
                target.sendall(data)
                if self._slow:
                    time.sleep(SLICE_SECONDS)
        self._close(pair)

    def _close(self, pair):
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.discard(pair)
            self._left = None
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            # Wakes who reads it.
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self):
        """All connections break."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._close(pair)

    def cut_after(self, length):
        """The connection breaks when the control plane has sent so many more bytes."""
        self._left = length

    @property
    def is_to_cut(self):
        return self._left is not None

    def hold(self):
        """Nothing is passed on any more, and nothing is closed."""
        self._open.clear()

    def release(self):
        self._open.set()

    def slow(self, slow=True):
        """A few bytes at a time."""
        self._slow = slow

    def close(self):
        self._open.set()
        # Wakes who accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
