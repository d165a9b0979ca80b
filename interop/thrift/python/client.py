"""Runs the cases named by --case, or else on stdin, and prints a JSON line for each."""

import argparse
import functools
import importlib
import json
import sys
import time
from pathlib import Path

import value_cases  # noqa: F401 (its cases)
from cases import CASES

# Longer than any call that succeeds.
TIMEOUT_SECONDS = 20


class Session:
    """What a case is given: a connection, opened when first needed and again after a failure."""

    def __init__(self, library, connect, rounds):
        self.library = library
        self.connect = connect
        self.rounds = rounds
        self.opened = 0
        self._connection = None

    @property
    def connection(self):
        if self._connection is None:
            self._connection = self.connect()
            self.opened += 1
        return self._connection

    @property
    def suite(self):
        return self.connection.suite

    def drop(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def run(name, session):
    started = time.monotonic()
    error = None
    try:
        CASES[name](session)
    except Exception as e:
        error = f"{type(e).__name__}: {e}"
        session.drop()
    return {
        "case": name,
        "ok": error is None,
        "error": error,
        "ms": round((time.monotonic() - started) * 1000),
        "connections": session.opened,
    }


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
    parser.add_argument("--case", help="names with commas between them")
    parser.add_argument("--rounds", type=int, default=20, help="calls of each concurrent client")
    args = parser.parse_args()

    library = importlib.import_module(f"with_{args.library}")
    connect = functools.partial(
        library.Connection,
        args.host,
        args.port,
        args.transport,
        args.protocol,
        TIMEOUT_SECONDS,
        args.tls,
    )
    session = Session(library, connect, args.rounds)
    for name in args.case.split(",") if args.case else map(str.strip, sys.stdin):
        print(json.dumps(run(name, session)), flush=True)
    session.drop()


if __name__ == "__main__":
    main()
