#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""foreign.py FOLDER PROGRAMS: runs kvpctl.exe and dumpvms.exe of libhvee, Podman's library for Hyper-V,
from the folder PROGRAMS against the stand-in for Hyper-V's WMI provider that is in FOLDER, under Wine,
and writes TAP. Without PROGRAMS, all is skipped. The machines and their items are those of
fake_hvhost.py, except where only the stand-in has what is tested."""

import json
import os
import pathlib
import subprocess
import sys

from tap import run_all

HERE = pathlib.Path(__file__).resolve().parent
WINE = "/usr/lib/wine/wine64"
LIMIT = 300
FOLDER = pathlib.Path(sys.argv[1]).resolve()
PROGRAMS = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
ENVIRONMENT = {**os.environ, "WINEPREFIX": str(FOLDER / "prefix"), "WINEDEBUG": "-all",
               "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe="}
ODD = "<VALUE>&\"' € 😀</VALUE>"
BRIDGE = None


def wine(program, *arguments, behavior=None, keys=""):
    """Its exit status and output. The machines are those of fake_hvhost.py, unless @behavior says
    otherwise."""
    behavior = f"hvhost={BRIDGE} generation=2025" if behavior is None else behavior
    result = subprocess.run([WINE, program, *arguments], env={**ENVIRONMENT, "HVWMI": behavior},
                            input=keys.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=LIMIT, check=False)
    return result.returncode, result.stdout.decode().replace("\r\n", "\n")


def register(*options):
    status, text = wine("regsvr32", "/s", *options, str(FOLDER / "hvwmi.dll"), behavior="")
    assert status == 0, text


def expect(*arguments, status=0, out="", **options):
    result = wine(str(PROGRAMS / "kvpctl.exe"), *arguments, **options)
    assert result[0] == status and out in result[1], result


def items(**options):
    status, text = wine(str(PROGRAMS / "kvpctl.exe"), "web1", "get", **options)
    assert status == 0, text
    return dict(line.split(" = ", 1) for line in text.splitlines())


def machines_and_their_states():
    status, text = wine(str(PROGRAMS / "dumpvms.exe"), "vms")
    assert status == 0, text
    found = {machine["ElementName"]: machine for machine in json.loads(text)}
    assert {name: machine["EnabledState"] for name, machine in found.items()} == \
        {"web1": 2, "db1": 3}, text
    assert found["web1"]["Name"] == "5F0C6A52-8D6E-4F6B-9A55-6A1E4F9D2C11", text


def items_are_added_changed_and_removed():
    assert items() == {}
    expect("web1", "add", "k", "v")
    assert items() == {"k": "v"}
    expect("web1", "get", "k", out="k = v")
    expect("web1", "edit", "k", ODD)
    assert items() == {"k": ODD}
    expect("web1", "put", "k", "w")
    expect("web1", "put", "new", "x" * 1023)
    assert items() == {"k": "w", "new": "x" * 1023}
    expect("web1", "rm", "k", "new", "none")
    assert items() == {}
    expect("web1", "put", "a", "1")
    expect("web1", "put", "b", "2")
    expect("web1", "clear", keys="y", out="2 keys deleted!")
    assert items() == {}


def errors_of_items():
    expect("web1", "put", "k", "v")
    expect("web1", "add", "k", "w", status=1, out="key already exists?) (32773)")
    expect("web1", "add", "long", "x" * 1024, status=1, out="(32773)")
    expect("web1", "add", "denied", "x", status=1, out="Access denied (32769)")
    expect("db1", "add", "k", "v", status=1, out="Invalid state for this operation (32775)")
    assert items() == {"k": "v"}
    expect("web1", "rm", "k")


def an_item_to_edit_is_missing():
    for generation, out in ("2012r2", "(32773)"), ("2016", "Not found (32779)"), \
            ("2025", "Not found (32779)"):
        expect("web1", "edit", "none", "x", status=1, out=out,
               behavior=f"hvhost={BRIDGE} generation={generation}")


def jobs():
    expect("web1", "add", "k", "v", behavior="job=direct")
    expect("web1", "edit", "k", "v", status=1, out="Not found (32779)", behavior="job=direct")
    expect("web1", "add", "k", "v", behavior="job=slow delay=300")
    expect("web1", "add", "k", "v", status=1, out="Operation failed (32768)",
           behavior="job=failed")


def machines_that_are_not_found():
    expect("none", "get", status=1, out="Find machine failed")
    expect("web1", "get", status=1, out="Find machine failed", behavior="machines=none")
    expect("db1", "get", status=1, out="no results found")
    expect("old1", "get", status=1, out="no results found", behavior="")


def connections_that_fail():
    expect("web1", "get", status=1, out="is HyperV enabled?", behavior="connect=no-role")
    for behavior, error in ("connect=namespace-denied", 0x80041003), ("query=denied", 0x80041003), \
            ("connect=dcom-denied", 0x80070005):
        expect("web1", "get", status=1, out=str(error), behavior=behavior)


TESTS = [machines_and_their_states, items_are_added_changed_and_removed, errors_of_items,
         an_item_to_edit_is_missing, jobs, machines_that_are_not_found, connections_that_fail]


def main():
    global BRIDGE  # pylint: disable=global-statement
    if not PROGRAMS:
        print(f"1..{len(TESTS)}")
        for number, test in enumerate(TESTS, 1):
            print(f"ok {number} - {test.__name__} # SKIP LIBHVEE=FOLDER names no programs")
        return 0
    subprocess.run([str(HERE / "prefix.sh")], env=ENVIRONMENT, check=True, stdout=sys.stderr)
    register()
    try:
        with subprocess.Popen([str(HERE / "fake_hvhost.py")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as hvhost:
            BRIDGE = int(hvhost.stdout.readline())
            failed = run_all(TESTS)
    finally:
        register("/u")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
