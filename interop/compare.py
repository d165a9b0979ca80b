#!/usr/bin/env python3
"""What one run of run.sh passes and another, through another proxy, fails.

    compare.py OURS THEIRS [--list]

OURS and THEIRS are what run.sh printed. Prints a table of the cases by form: failed of
those that OURS passes. With --list every case by its name and what was wrong instead.
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    ours, theirs = read(options.ours), read(options.theirs)
    both = {label for label, error in ours.items() if error is None and label in theirs}
    failed = {label: theirs[label] for label in ours if label in both and theirs[label]}
    if options.list:
        for label, error in failed.items():
            print(f"{label}: {error}")
    else:
        print_table(both, failed)
    others = [label for label, error in ours.items() if error and theirs.get(label, "") is None]
    print(f"\nOf {len(both)} cases that the first passes, the second fails {len(failed)}.")
    print(f"The second passes {len(others)} that the first fails.")


def read(path):
    """Each case with what was wrong, or None."""
    cases = {}
    with open(path) as lines:
        for line in lines:
            if match := LINE.match(line):
                label, error = match[2], None
                if match[1] == "FAIL":
                    label, error = split(label)
                cases[label] = error
    return cases


def split(text):
    """A label is `WHO: CASE`, and what was wrong follows."""
    who, _, rest = text.partition(": ")
    case, _, error = rest.partition(": ")
    return f"{who}: {case}", error or "failed"


def place(label):
    """The row and the column of a case."""
    who, _, case = label.partition(": ")
    form = FORM.search(who)
    if form is None:
        # Scenarios of several forms name none, but what they are about.
        return case, "TTHeader" if who.startswith("kitex") else "THeader"
    transport, kind, protocol = form.groups()
    if protocol == "json":
        return case, "JSON"
    if transport == "header":
        return case, "THeader zlib" if kind else "THeader"
    if transport == "ttheader":
        return case, "TTHeader"
    return case, f"{transport} {protocol}"


def print_table(both, failed):
    of, failures = Counter(map(place, both)), Counter(map(place, failed))
    rows = sorted({case for case, _ in failures})
    columns = [column for column in COLUMNS if any((row, column) in of for row in rows)]
    print("| case | " + " | ".join(columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for row in rows:
        cells = [
            f"{failures[row, column]}/{of[row, column]}" if of[row, column] else ""
            for column in columns
        ]
        print(f"| {row} | " + " | ".join(cells) + " |")
    sums = []
    for column in columns:
        pairs = [(failures[key], count) for key, count in of.items() if key[1] == column]
        sums.append(f"{sum(f for f, _ in pairs)}/{sum(count for _, count in pairs)}")
    print("| all | " + " | ".join(sums) + " |")


if __name__ == "__main__":
    main()
