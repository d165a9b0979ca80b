"""The libraries' programs, and the forms that each speaks."""

import sys
from typing import NamedTuple

from harness import HERE, WORK
from processes import Form

FORMS = [
    Form("framed", "binary"),
    Form("framed", "compact"),
    Form("buffered", "binary"),
    Form("buffered", "compact"),
]
FRAMED = [form for form in FORMS if form.transport == "framed"]
# thriftpy2's JSON is not Apache's; its other one, which is meant to be, reads no
# container of containers.
JSON = [Form("framed", "json"), Form("buffered", "json")]
HEADER = [
    Form("header", "binary"),
    Form("header", "compact"),
    Form("header-zlib", "binary"),
    Form("header-zlib", "compact"),
]
# Kitex's header, which only Kitex has, and what else it has a client for.
TTHEADER = [
    Form(transport, "binary")
    for transport in (
        "ttheader",
        "ttheader-framed",
        "ttheader-mux",
        "ttheader-checksum",
        "ttheader-mux-checksum",
    )
]
KITEX_FORMS = [Form("framed", "binary"), Form("buffered", "binary")]


class Program(NamedTuple):
    """A client or a server: its command line, and what it speaks."""

    command: list
    forms: list
    # Cases that it does not have.
    lacks: tuple = ()
    # A server that is started in this form only, and takes the others too.
    listens: Form | None = None


def python(program, library, *flags):
    path = HERE / f"thrift/python/{program}.py"
    return [sys.executable, path, "--library", library, *flags]


def java(program, *flags):
    # For a short start rather than a long run.
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    path = f"{WORK}/java/classes:{WORK}/java/lib/*"
    return ["java", *options, "-cp", path, f"interop.{program}", *flags]


def go(program):
    return [WORK / "go" / program]


# Made by hand, upon Apache's libraries only.
UNTYPED = ("uuids", "uuid-containers", "many-fields")
# The library writes uuids, but no container of them.
JAVA = ("uuid-containers",)

CLIENTS = {
    "python": Program(python("client", "apache"), FORMS + JSON + HEADER),
    "thriftpy2": Program(python("client", "thriftpy2"), FORMS, UNTYPED),
    "go": Program(go("client"), FORMS + JSON + HEADER),
    "java": Program(java("Client"), FORMS + JSON, JAVA),
}
SERVERS = {
    "python": Program(python("server", "apache"), FORMS + JSON + HEADER),
    "thriftpy2": Program(python("server", "thriftpy2"), FORMS, UNTYPED),
    "go": Program(go("server"), FORMS + JSON + HEADER),
    "java": Program(java("Server"), FORMS + JSON, JAVA),
}

# The same libraries' other ways.
MORE_CLIENTS = {
    "thriftpy2-plain": Program(python("client", "thriftpy2_plain"), FORMS, UNTYPED),
}
MORE_SERVERS = {
    "python-pool": Program(
        python("server", "apache", "--kind", "pool"), FORMS + JSON + HEADER
    ),
    "python-nonblocking": Program(
        python("server", "apache", "--kind", "nonblocking"), FRAMED + JSON[:1]
    ),
    "thriftpy2-plain": Program(python("server", "thriftpy2_plain"), FORMS, UNTYPED),
    **{
        f"java-{kind}": Program(java("Server", "--kind", kind), FRAMED + JSON[:1], JAVA)
        for kind in ("selector", "nonblocking", "hsha")
    },
    # A server of headers also takes clients that have none, and answers in kind. To
    # others one compresses its answers never, the other always, whatever was asked.
    "python-header": Program(python("server", "apache"), FORMS + HEADER, listens=HEADER[0]),
    "go-header": Program(go("server"), FORMS + HEADER, listens=HEADER[2]),
}

# Kitex numbers its calls itself, and multiplexes services by its header alone.
KITEX = (*UNTYPED, "multiplexed")
GENERIC = ["--generic", HERE / "thrift/kitex/generic.thrift"]
KITEX_CLIENTS = {
    "kitex": Program(
        [WORK / "kitex/client", *GENERIC], KITEX_FORMS + TTHEADER, (*KITEX, "pipelined")
    ),
}
KITEX_SERVERS = {
    "kitex": Program([WORK / "kitex/server"], KITEX_FORMS + TTHEADER, KITEX),
}
KITEX_GENERIC_SERVERS = {
    # It knows the methods of `generic.thrift` only.
    "kitex-generic": Program(
        [WORK / "kitex/server", *GENERIC],
        KITEX_FORMS + TTHEADER,
        (
            *KITEX,
            "void",
            "ints",
            "deep",
            "constants",
            "arguments",
            "exception",
            "undeclared-exception",
            "unknown-method",
            "oneway",
            "oneway-burst",
            "successive",
            "pipelined",
            "concurrent",
            "headers",
            "many-headers",
        ),
    ),
}

ALL_CLIENTS = CLIENTS | MORE_CLIENTS | KITEX_CLIENTS
ALL_SERVERS = SERVERS | MORE_SERVERS | KITEX_SERVERS | KITEX_GENERIC_SERVERS
