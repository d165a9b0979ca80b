"""Calls all the time, on one connection."""

import threading
import time

from languages import FORMS
from raw import Raw
from thrift.Thrift import TApplicationException

FORM = FORMS[0]
# Seconds between two calls.
PAUSE = 0.002
# Seconds. After an outage a proxy may wait for up to 30 until it connects anew.
PATIENCE = 45


class Traffic:
    """A client that asks again and again who answers. What it is told has to be what the
    scenario says, in that order; no call fails unless the scenario says so, and the
    connection is the one it began with."""

    def __init__(self, port):
        self._raw = Raw(FORM, port)
        self._own = self._raw.socket.getsockname()
        # Each answer, how many calls in a row were given it, and when the first was.
        self._runs = []
        # How many of those the scenario has told of.
        self._told = 0
        self._failure = None
        self._paused = False
        self._over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def _call(self):
        while not self._over:
            if self._paused:
                time.sleep(0.01)
                continue
            try:
                answer = name_of(self._raw)
            except Exception as e:
                answer = None
                failure = f"a call failed: {type(e).__name__}: {e}"
            with self._changed:
                if answer is None:
                    self._failure = failure
                elif self._runs and self._runs[-1][0] == answer:
                    self._runs[-1][1] += 1
                else:
                    self._runs.append([answer, 1, time.monotonic()])
                self._changed.notify_all()
            if answer is None:
                return
            time.sleep(PAUSE)

    def moves_to(self, answer):
        """The answers change once, and to this. Returns when the first was there."""
        found = self._next()
        assert found == answer, f"answered {found!r}, not {answer!r}"
        return self._runs[-1][2]

    def fails_with(self, *parts):
        """From some call on the proxy answers with an error that has these in it."""
        found = self._next()
        for part in ("error: ", *parts):
            assert part in found, f"answered {found!r}, without {part!r}"

    def goes_on(self, calls=20):
        """So many more calls are answered as before."""
        with self._changed:
            before = self._calls()
            self._wait(lambda: self._calls() >= before + calls)
            self._check()

    def _next(self):
        with self._changed:
            self._wait(lambda: len(self._runs) > self._told)
            self._told += 1
        self.goes_on(3)
        return self.answers[-1]

    def _calls(self):
        return sum(calls for _, calls, _ in self._runs)

    def _wait(self, condition):
        done = self._changed.wait_for(lambda: condition() or self._failure, PATIENCE)
        assert not self._failure, self._failure
        assert done, f"no call, or no other answer, for {PATIENCE} s: {self.answers}"

    def _check(self):
        surprises = self.answers[self._told :]
        assert not surprises, f"the answers changed to {surprises}"

    def pause(self):
        self._paused = True

    def resume(self):
        self._paused = False

    @property
    def answers(self):
        """The answers so far."""
        return [answer for answer, _, _ in self._runs]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._over = True
        self._thread.join()
        with self._raw:
            if kind:
                return
            assert not self._failure, self._failure
            self._check()
            assert self._raw.socket.getsockname() == self._own, "another connection"


def name_of(raw):
    """Who answers; the text of an error where it is the proxy."""
    try:
        return raw.suite.name()
    except TApplicationException as e:
        return f"error: {e.message}"
