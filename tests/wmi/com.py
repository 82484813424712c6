#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""com.py FOLDER: runs scripts that use the vmguestos.dll of a folder by Wine's cscript, with the
stand-in for Hyper-V's WMI provider that is next to it, and writes TAP. The prefix is that of the
environment."""

import os
import pathlib
import re
import subprocess
import sys

from tap import run_all

WINE = "/usr/lib/wine/wine64"
FOLDER = pathlib.Path(sys.argv[1]).resolve()
SCRIPTS = pathlib.Path(__file__).resolve().parent / "com"
LIMIT = 300


def wine(*arguments, host=""):
    """Runs a program in the folder of the scripts: to cscript, a path that begins with / is an option."""
    return subprocess.run([WINE, *arguments], env={**os.environ, "HVWMI": host}, timeout=LIMIT,
                          cwd=SCRIPTS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)


def register(library, *options):
    result = wine("regsvr32", "/s", *options, str(FOLDER / library))
    assert result.returncode == 0, result


def classes():
    """What the server has in the registry."""
    text = wine("reg", "query", "HKLM\\Software\\Classes", "/s").stdout.decode(errors="replace")
    return [line.strip() for line in text.splitlines() if re.search("HvLogoff|vmguestos", line)]


def expect(script, host, *arguments, status=0, out=""):
    result = wine("cscript", "//nologo", script, *arguments, host=host)
    text = result.stdout.decode()
    assert result.returncode == status and out in text, (result.returncode, text)


def registration():
    register("vmguestos.dll")
    entries = classes()
    assert any("vmguestos.dll" in line for line in entries), entries


def a_script_of_virtual_pc():
    expect("logoff.vbs", "guest=logoff", "web1", out="100% complete: True\r\nError 0")
    expect("logoff.vbs", "guest=logoff", "none", status=2, out="no such machine")
    expect("logoff.vbs", "guest=logoff", "DB1", status=3, out="db1 does not run")


def members():
    expect("members.vbs", "guest=logoff", out="complete")


def a_script_of_wmi():
    expect("wmi.vbs", "generation=2016", "reboots", out="complete")
    expect("wmi.vbs", "generation=2012r2", "-", out="complete")


def registration_ends():
    register("vmguestos.dll", "/u")
    assert classes() == [], classes()


TESTS = [registration, a_script_of_virtual_pc, members, a_script_of_wmi, registration_ends]


def main():
    register("hvwmi.dll")
    failed = run_all(TESTS)
    register("hvwmi.dll", "/u")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
