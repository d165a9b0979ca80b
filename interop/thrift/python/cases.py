"""What a client asks of a server, and what it must get back."""

import struct
import threading
import time
import uuid

CASES = {}


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


def equal(got, want):
    # Neither True for 1, nor 0.0 for -0.0.
    same = type(got) is type(want) and got == want
    if isinstance(want, float) and isinstance(got, float):
        same = struct.pack(">d", got) == struct.pack(">d", want)
    if not same:
        raise AssertionError(f"got {got!r:.200}, want {want!r:.200}")


def echo(call, *values):
    for value in values:
        equal(call(value), value)


def echo_containers(s, suite, value):
    equal(s.library.with_sets(suite.echoContainers(value)), value)


def application_exception(s, kind, call, *args):
    try:
        got = call(*args)
    except s.library.ApplicationException as e:
        equal(e.type, kind)
        return
    raise AssertionError(f"got {got!r:.200}, want an application exception")


@case
def void(s):
    equal(s.suite.ping(), None)


@case
def arguments(s):
    equal(s.suite.join(-7, "naïve 🦀", [2**40, -5, 3]), f"-7 naïve 🦀 {2**40 - 2}")
    equal(s.suite.join(0, "", []), "0  0")


@case
def exception(s):
    for code in (0, -5):
        try:
            s.suite.refuse(code)
        except s.library.Refused as e:
            equal(e.code, code)
            equal(e.reason, f"refused: {code}")
            equal(e.hints, [True, False, True])
        else:
            raise AssertionError("not refused")
    s.suite.ping()


@case
def undeclared_exception(s):
    application_exception(s, s.library.ApplicationException.INTERNAL_ERROR, s.suite.fail)
    s.suite.ping()


@case
def unknown_method(s):
    application_exception(s, s.library.ApplicationException.UNKNOWN_METHOD, s.suite.addedLater, 1)
    s.suite.ping()


def await_notified(s, key, count):
    deadline = time.monotonic() + 5
    while s.suite.notified(key) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    equal(s.suite.notified(key), count)


@case
def oneway(s):
    key = str(uuid.uuid4())
    s.suite.notify(key)
    s.suite.ping()
    await_notified(s, key, 1)


@case
def oneway_burst(s):
    key = str(uuid.uuid4())
    for i in range(20):
        s.suite.notify(key)
        echo(s.suite.echoI32, i)
    await_notified(s, key, 20)


@case
def oneway_then_idle(s):
    """Calls, waits longer than the proxy's request timeout, and calls again."""
    s.suite.notify("idle")
    echo(s.suite.echoI32, 1)
    time.sleep(2.5)
    echo(s.suite.echoI32, 2, 3)


@case
def oneway_alone(s):
    """Waits longer than the proxy's request timeout with nothing else in flight."""
    s.suite.notify("alone")
    time.sleep(2.5)
    echo(s.suite.echoI32, 1, 2)


@case
def big_binary(s):
    echo(s.suite.echoBinary, bytes(range(256)) * (5 * 4096))


@case
def big_string(s):
    echo(s.suite.echoString, "naïve 漢字 🦀 " * (5 * 2**20 // 19 + 1))


@case
def slow(s):
    started = time.monotonic()
    equal(s.suite.slow(100), 100)
    assert time.monotonic() - started >= 0.1


@case
def successive(s):
    for i in range(200):
        equal(s.suite.join(i, "x" * i, [i]), f"{i} {'x' * i} {i}")


@case
def pipelined(s):
    """All requests are sent before the first answer is read, each with sequence id 0."""
    waits = [150, 0, 100, 20, 80, 1, 50, 10]
    for ms in waits:
        s.connection.send_slow(ms)
    for ms in waits:
        equal(s.connection.recv_slow(), ms)


@case
def multiplexed(s):
    suite, second = s.connection.multiplexed()
    equal(suite.name(), s.suite.name())
    equal(second.name(), "second")
    echo_containers(s, suite, s.library.CONTAINERS)
    equal(second.name(), "second")


@case
def concurrent(s):
    """32 clients at once, each with a connection of its own."""
    errors = []

    def client(number):
        try:
            connection = s.connect()
            try:
                for i in range(s.rounds):
                    name = f"{number}/{i}"
                    want = f"{number} {name} {number + i}"
                    equal(connection.suite.join(number, name, [number, i]), want)
            finally:
                connection.close()
        except Exception as e:
            errors.append(f"client {number}: {type(e).__name__}: {e}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(errors, [])


@case
def failing(s):
    """A call that no server lives long enough to answer."""
    application_exception(s, s.library.ApplicationException.INTERNAL_ERROR, s.suite.slow, 10_000)
