"""The libraries' programs, and the forms that all of them speak."""

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


class Language(NamedTuple):
    """The command lines of a library's two programs."""

    client: list
    server: list


def python(library):
    def program(name):
        return [sys.executable, HERE / f"thrift/python/{name}.py", "--library", library]

    return Language(program("client"), program("server"))


def java():
    # For a short start rather than a long run.
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    program = ["java", *options, "-cp", f"{WORK}/java/classes:{WORK}/java/lib/*"]
    return Language([*program, "interop.Client"], [*program, "interop.Server"])


LANGUAGES = {
    "python": python("apache"),
    "thriftpy2": python("thriftpy2"),
    "go": Language([WORK / "go/client"], [WORK / "go/server"]),
    "java": java(),
}


def nonblocking(language):
    return language._replace(server=[*language.server, "--nonblocking"])


# Servers of another kind, which take framed messages only.
NONBLOCKING = {
    "python-nonblocking": nonblocking(LANGUAGES["python"]),
    "java-nonblocking": nonblocking(LANGUAGES["java"]),
}
