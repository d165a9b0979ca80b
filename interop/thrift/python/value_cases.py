"""The cases about values and info headers: what goes there and comes back."""

import math

from cases import case, echo, echo_containers, equal


@case
def bools(s):
    echo(s.suite.echoBool, True, False)


@case
def ints(s):
    echo(s.suite.echoI8, -128, -1, 0, 127)
    echo(s.suite.echoI16, -(2**15), -1, 0, 2**15 - 1)
    echo(s.suite.echoI32, -(2**31), -1, 0, 2**31 - 1)
    echo(s.suite.echoI64, -(2**63), -1, 0, 2**31, 2**63 - 1)


@case
def doubles(s):
    echo(s.suite.echoDouble, 0.0, -0.0, 1.5, -1.7976931348623157e308, 5e-324)


@case
def infinities(s):
    echo(s.suite.echoDouble, math.inf, -math.inf, math.nan)


@case
def strings(s):
    echo(s.suite.echoString, "", "plain", "naïve", "漢字", "🦀𝔘")


@case
def control_characters(s):
    echo(s.suite.echoString, "a\0b\r\n\t", "\x01\b\f\x1f", "\"quoted\" \\ /")


@case
def binary(s):
    echo(s.suite.echoBinary, b"", bytes(range(256)), b"\x80\x01\0\0" * 3)


@case
def enums(s):
    echo(s.suite.echoColour, s.library.Colour.RED, s.library.Colour.NIGHT)


@case
def structs(s):
    echo(s.suite.echoScalars, s.library.SCALARS)


@case
def optionals(s):
    optionals = s.library.Optionals
    echo(
        s.suite.echoOptionals,
        optionals(name="bare"),
        optionals(name="empty", count=0, note="", flag=False, plain=0),
        optionals(name="full", count=-1, note="n", flag=True, plain=1, inner=s.library.SCALARS),
    )


@case
def unions(s):
    choice = s.library.Choice
    echo(
        s.suite.echoChoice,
        choice(number=0),
        choice(text="🦀"),
        choice(flags=[True, False, True]),
        choice(scalars=s.library.SCALARS),
    )


@case
def containers(s):
    echo_containers(s, s.suite, s.library.CONTAINERS)


@case
def empty_containers(s):
    empty = s.library.Containers(
        nested=[],
        flags=[],
        answers={},
        both=set(),
        grid=[],
        structs={},
        names=set(),
        colours={},
        reals=[],
        deep={},
    )
    echo_containers(s, s.suite, empty)


@case
def many_elements(s):
    many = s.library.Containers(
        nested=[{str(i): {i, i + 1}} for i in range(1000)],
        flags=[i % 3 == 0 for i in range(1000)],
        answers={i: i % 2 == 0 for i in range(-500, 500)},
        both={True},
        grid=[[i % 2 == 0] * (i % 20) for i in range(1000)],
        structs={"many": [s.library.Pair(left=i % 2 == 0, right=True) for i in range(1000)]},
        names={str(i) for i in range(1000)},
        colours={s.library.Colour.GREEN: "green"},
        reals=[i / 8 for i in range(1000)],
        deep={i << 40: {i: True} for i in range(1000)},
    )
    echo_containers(s, s.suite, many)


@case
def deep(s):
    """60 structs in one another, and 30 in lists."""
    deep = s.library.Deep
    by_field = by_list = None
    for i in range(60):
        by_field = deep(depth=i, flags=[i % 2 == 0], inner=by_field, more=[])
    for i in range(30):
        by_list = deep(depth=i, flags=[], more=[by_list] if by_list else [])
    echo(s.suite.echoDeep, by_field, by_list)


@case
def uuids(s):
    echo(s.connection.echo_untyped, s.library.untyped.UUIDS)


@case
def uuid_containers(s):
    echo(s.connection.echo_untyped, s.library.untyped.UUID_CONTAINERS)


@case
def many_fields(s):
    echo(s.connection.echo_untyped, s.library.untyped.FIELDS)


@case
def headers(s):
    """Those of the call reach the handler, and its own come back: with this call only."""
    call = {"plain": "a value", "empty": "", "naïve 漢字": "🦀", "long": "x" * 5000}
    reply = {"answer": "other", "again": "y" * 300, "": "nameless"}
    for _ in range(2):
        s.connection.set_headers(call)
        equal(s.suite.headers(reply), call)
        equal(s.connection.headers(), reply)
        equal(s.suite.headers({}), {})
        equal(s.connection.headers(), {})


@case
def many_headers(s):
    call = {f"key-{i}": str(i) * (i % 50) for i in range(200)}
    s.connection.set_headers(call)
    equal(s.suite.headers(call), call)
    equal(s.connection.headers(), call)


@case
def constants(s):
    equal(s.suite.scalars(), s.library.SCALARS)
    equal(s.library.with_sets(s.suite.containers()), s.library.CONTAINERS)
