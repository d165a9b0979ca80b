#!/usr/bin/env python3
"""What runs of run.sh through Envoy fail and one through our proxy passes.

    envoy_compare.py OURS ENVOY... [--list]

Each is what run.sh printed. Prints a table of reasons with the number of cases in each
run, and one of the first run's cases by form: failed of those that OURS passes. With
--list every case that the first run fails, and what was wrong.
"""

import argparse
import re
from collections import Counter

LINE = re.compile(r"(ok  |FAIL) (.*)")
FORM = re.compile(r"\b(framed|buffered|header|ttheader)([-a-z]*) (binary|compact|json)\b")
COLUMNS = [
    "framed binary",
    "framed compact",
    "buffered binary",
    "buffered compact",
    "THeader",
    "THeader zlib",
    "JSON",
    "TTHeader",
]
# The first that a failed case fits is taken to be the reason.
REASONS = [
    ("JSON", r" json"),
    ("TTHeader", r"ttheader|^kitex: "),
    ("plain messages among THeader's", r": plain among headers"),
    ("THeader's zlib", r"header-zlib|->go-header header|^go-header: refused|: inflated|: headers of"),
    ("pipelined calls", r": pipelined"),
    ("uuids", r": uuid"),
    (
        "bools in containers of compact",
        r" compact.*: (unions|containers|many-|deep|constants|exception|multiplexed)",
    ),
    ("the request timeout", r": timed out"),
    ("a client that has shut its sending side", r": half closed"),
    ("binary without a version", r": binary without a version"),
    ("SIGTERM", r": (drained|proxy ends)"),
    ("something else", r""),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours", metavar="OURS")
    parser.add_argument("theirs", metavar="ENVOY", nargs="+")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    ours = read(options.ours)
    runs = [Run(ours, read(path)) for path in options.theirs]
    if options.list:
        for label, error in runs[0].failed.items():
            print(f"{label}: {error}")
        return
    print_reasons(runs)
    print()
    print_forms(runs[0])
    for path, run in zip(options.theirs, runs):
        print(
            f"\n{path}: {len(run.failed)} fail of {len(run.both)} cases that OURS passes,"
            f" and {run.better} pass of those that OURS fails."
        )


class Run:
    def __init__(self, ours, theirs):
        self.both = [label for label in ours if ours[label] is None and label in theirs]
        self.failed = {label: theirs[label] for label in self.both if theirs[label]}
        self.better = sum(
            error is not None and theirs.get(label, "absent") is None
            for label, error in ours.items()
        )


def read(path):
    """Each case with what was wrong, or None."""
    cases = {}
    with open(path) as lines:
        for line in lines:
            if match := LINE.match(line):
                label, error = match[2], None
                if match[1] == "FAIL":
                    # A label is `WHO: CASE`, and what was wrong follows.
                    who, case, error = (label.split(": ", 2) + ["failed"])[:3]
                    label = f"{who}: {case}"
                cases[label] = error
    return cases


def print_reasons(runs):
    counts = [Counter(map(reason, run.failed)) for run in runs]
    print_row(["reason", *[f"cases ({number})" for number in range(1, len(runs) + 1)]])
    print_row(["---"] * (1 + len(runs)))
    for name, _ in REASONS:
        if any(count[name] for count in counts):
            print_row([name, *[count[name] for count in counts]])
    print_row(["all", *[len(run.failed) for run in runs]])


def reason(label):
    return next(name for name, pattern in REASONS if re.search(pattern, label))


def print_forms(run):
    of, failures = Counter(map(place, run.both)), Counter(map(place, run.failed))
    print_row(["case", *COLUMNS])
    print_row(["---"] * (1 + len(COLUMNS)))
    for row in sorted({case for case, _ in failures}):
        cells = [(failures[row, column], of[row, column]) for column in COLUMNS]
        print_row([row, *[f"{failed}/{count}" if count else "" for failed, count in cells]])
    sums = []
    for column in COLUMNS:
        failed, count = (
            sum(counter[key] for key in of if key[1] == column) for counter in (failures, of)
        )
        sums.append(f"{failed}/{count}")
    print_row(["all", *sums])


def place(label):
    """The row and the column of a case."""
    who, _, case = label.partition(": ")
    form = FORM.search(who)
    if form is None:
        # A scenario of several forms names none.
        return case, "TTHeader" if who.startswith("kitex") else "THeader"
    transport, kind, protocol = form.groups()
    if protocol == "json":
        return case, "JSON"
    if transport == "header":
        return case, "THeader zlib" if kind else "THeader"
    if transport == "ttheader":
        return case, "TTHeader"
    return case, f"{transport} {protocol}"


def print_row(cells):
    print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
