#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the line coverage of each driver source file, merged over all runs. A run consists of the
directory in which the driver was built for coverage and a log of its counters, with one line
"gcov: PATH HEX" for each object. A source line is covered if any run executed it."""

import argparse
import collections
import gzip
import json
import pathlib
import subprocess
import tempfile


def counters_in(path):
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("gcov: "):
            _, name, data = line.split()
            yield name, bytes.fromhex(data)


def executed(folder, counters):
    """Returns the execution count of each line, by source file name."""
    lines = collections.defaultdict(dict)
    notes = {note.stem: note for note in folder.rglob("*.gcno")}
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in counters:
            stem = pathlib.PurePath(name).stem
            if stem not in notes:
                continue
            here = pathlib.Path(scratch)
            (here / f"{stem}.gcno").write_bytes(notes[stem].read_bytes())
            (here / f"{stem}.gcda").write_bytes(data)
            subprocess.run(["gcov", "--json-format", f"{stem}.gcda"], cwd=here, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            report = json.loads(gzip.decompress((here / f"{stem}.gcov.json.gz").read_bytes()))
            for file in report["files"]:
                source = pathlib.PurePath(file["file"])
                if source.name != f"{stem}.c":
                    continue
                for line in file["lines"]:
                    number, count = line["line_number"], line["count"]
                    lines[source.name][number] = max(lines[source.name].get(number, 0), count)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--missed", action="store_true", help="also print the lines not executed")
    parser.add_argument("runs", nargs="+", help="DIRECTORY=LOG")
    options = parser.parse_args()

    total = collections.defaultdict(dict)
    for run in options.runs:
        folder, path = map(pathlib.Path, run.split("=", 1))
        for name, lines in executed(folder, counters_in(path)).items():
            for number, count in lines.items():
                total[name][number] = max(total[name].get(number, 0), count)

    files = [path for path in sorted(options.source.glob("*.c")) if total.get(path.name)]
    if not files:
        raise SystemExit("no counters found: build the runs with GCOV_PROFILE=y")
    print(f"{'file':<14}{'lines':>7}{'executed':>10}")
    for path in files:
        lines = total[path.name]
        hit = sum(count > 0 for count in lines.values())
        print(f"{path.name:<14}{len(lines):>7}{hit:>10}{hit / len(lines):>8.1%}")
        if options.missed:
            text = path.read_text().splitlines()
            for number in sorted(number for number, count in lines.items() if not count):
                print(f"  {path.name}:{number}: {text[number - 1].strip()}")
    lines = sum(len(total[path.name]) for path in files)
    hit = sum(count > 0 for path in files for count in total[path.name].values())
    print(f"{'all':<14}{lines:>7}{hit:>10}{hit / lines:>8.1%}")


if __name__ == "__main__":
    main()
