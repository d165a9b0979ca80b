"""Serves the suite; prints `ready` when it listens."""

import argparse
import collections
import importlib
import time
from pathlib import Path


class Suite:
    def __init__(self, name, refused):
        self._name = name
        self._refused = refused
        self._notified = collections.Counter()

    def __getattr__(self, method):
        if method.startswith("echo"):
            return lambda v: v
        raise AttributeError(method)

    def ping(self):
        pass

    def name(self):
        return self._name

    def join(self, a, b, c):
        return f"{a} {b} {sum(c)}"

    def slow(self, ms):
        time.sleep(ms / 1000)
        return ms

    def refuse(self, code):
        raise self._refused(code=code, reason=f"refused: {code}", hints=[True, False, True])

    def fail(self):
        raise RuntimeError("as asked")

    def notify(self, key):
        self._notified[key] += 1

    def notified(self, key):
        return self._notified[key]


class Second:
    def name(self):
        return "second"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--transport", required=True)
    parser.add_argument("--protocol", required=True)
    parser.add_argument(
        "--tls", type=Path, metavar="DIR", help="certificates, as in certificates.py"
    )
    parser.add_argument("--kind", choices=["threaded", "pool", "nonblocking"], default="threaded")
    args = parser.parse_args()

    library = importlib.import_module(f"with_{args.library}")
    suite = Suite(args.library, library.Refused)
    suite.scalars = lambda: library.SCALARS
    suite.containers = lambda: library.CONTAINERS
    library.serve(
        args.host,
        args.port,
        args.transport,
        args.protocol,
        args.kind,
        args.tls,
        suite,
        Second(),
        ready=lambda: print("ready", flush=True),
    )


if __name__ == "__main__":
    main()
