#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""coverage.py BUILD FUZZER...: what the corpora of the fuzzers execute of the code that
docs/fuzzing.md says they test. BUILD has the fuzzers, built for coverage. A function that no input
executes is a failure, unless docs/fuzzing.md has a reason. Prints TAP, and writes it to
BUILD/results/fuzz-coverage.tap."""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
DOCUMENT = FOLDER.parent.parent / "docs/fuzzing.md"

# A fuzzer's row, with the files that it tests; a file's row, with functions that have a reason.
FUZZER_ROW = re.compile(r"^\| `fuzz_\w+` \|.*\| (.+) \|$", re.M)
REASON_ROW = re.compile(r"^\| `([\w./]+)` \| (`\w+\(\)`.*) \| .+ \|$", re.M)


def documented_files(text):
    """The files in the last column of the table; one without a folder is in that of the last one."""
    files = {}
    for cell in FUZZER_ROW.findall(text):
        folder = ""
        for name in re.findall(r"`([^`]+)`", cell):
            folder = name.rpartition("/")[0] or folder
            files.setdefault(f"{folder}/{name.rpartition('/')[2]}")
    return list(files)


def execute(build, fuzzer):
    """Executes the inputs of the corpus and those that searches have found."""
    name = fuzzer.removeprefix("fuzz_")
    profile = build / f"{name}.profraw"
    folders = [folder for folder in (FOLDER / "corpus" / name, build.parent / "fuzz/corpus" / name)
               if folder.is_dir()]
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(profile)}
    subprocess.run([build / "fuzz" / fuzzer, "-runs=0", *folders], env=environment, check=True,
                   stderr=subprocess.DEVNULL)
    return profile


def export(build, fuzzers):
    merged = build / "all.profdata"
    profiles = [execute(build, fuzzer) for fuzzer in fuzzers]
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *profiles], check=True)
    objects = [f"-object={build / 'fuzz' / fuzzer}" for fuzzer in fuzzers]
    result = subprocess.run(["llvm-cov", "export", f"-instr-profile={merged}", *objects],
                            check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout)["data"][0]


def functions_of(data):
    """By file, the largest count of each function: several fuzzers may contain it."""
    files = collections.defaultdict(dict)
    for function in data["functions"]:
        file = os.path.relpath(function["filenames"][0])
        name = function["name"].rpartition(":")[2]
        files[file][name] = max(function["count"], files[file].get(name, 0))
    return files


def check(number, file, functions, lines, reasons):
    """The lines of TAP for one file."""
    missed = {name for name, count in functions.items() if not count}
    silent = [name for name in missed if (name, file) not in reasons]
    stale = [name for name, of in reasons if of == file and name not in missed]
    bad = silent or stale or not functions
    return [f"{'not ok' if bad else 'ok'} {number} - {file}: {len(functions) - len(missed)} of "
            f"{len(functions)} functions, {lines['covered']} of {lines['count']} lines",
            *(f"# no input executes {name}(), and docs/fuzzing.md has no reason"
              for name in silent),
            *(f"# docs/fuzzing.md has a reason for {name}(), which is executed or gone"
              for name in stale)]


def main():
    build = pathlib.Path(sys.argv[1])
    text = DOCUMENT.read_text(encoding="utf-8")
    files = documented_files(text)
    reasons = {(name, file) for file, cell in REASON_ROW.findall(text)
               for name in re.findall(r"`(\w+)\(\)`", cell)}
    data = export(build, sys.argv[2:])
    functions = functions_of(data)
    lines = {os.path.relpath(file["filename"]): file["summary"]["lines"] for file in data["files"]}
    report = [line for number, file in enumerate(files, 1)
              for line in check(number, file, functions[file],
                                lines.get(file, {"covered": 0, "count": 0}), reasons)]
    counts = [count for file in files for count in functions[file].values()]
    report += [f"1..{len(files)}",
               f"# {sum(map(bool, counts))} of {len(counts)} functions are executed."]
    print("\n".join(report))
    results = build.parent / "results"
    results.mkdir(exist_ok=True)
    (results / "fuzz-coverage.tap").write_text("\n".join(report) + "\n", encoding="utf-8")
    return 1 if any(line.startswith("not ok") for line in report) else 0


if __name__ == "__main__":
    sys.exit(main())
