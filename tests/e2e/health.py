# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics of the guest's kernel: its log, and on the sanitizer kernel kmemleak and gcov."""

import re

# Reports of KASAN, UBSAN, lockdep, DEBUG_OBJECTS and the kernel itself.
COMPLAINT = re.compile(r"BUG:|WARNING:|UBSAN:|KASAN:|ODEBUG:|Oops|Call Trace:|INFO: task|"
                       r"possible (circular|recursive)|inconsistent lock|suspicious RCU")
OURS = re.compile(r"hvl_|hv_logoff")

KMEMLEAK = "/sys/kernel/debug/kmemleak"


def prepare(machine):
    machine.run("mount -t debugfs debugfs /sys/kernel/debug")


def leaks(machine):
    """The entries of kmemleak that name the driver."""
    # kmemleak reports objects that are older than 5 seconds and were unreferenced in two scans.
    text = machine.run(f"sleep 6; echo scan >{KMEMLEAK}; echo scan >{KMEMLEAK}; cat {KMEMLEAK}")
    return [entry for entry in text.split("unreferenced object") if OURS.search(entry)]


def complaints(machine):
    """The lines of the kernel log that report an error."""
    log = machine.run("dmesg").splitlines()
    return [line for line in log if COMPLAINT.search(line)]


def check(machine):
    """The kernel log has no diagnostic, and the driver has leaked nothing."""
    found = complaints(machine)
    if found:
        machine.log(machine.run("dmesg | tail -n 200"))
    leaked = leaks(machine)
    for entry in leaked:
        machine.log("unreferenced object" + entry)
    assert not found, found
    assert not leaked, f"the driver has leaked {len(leaked)} objects"


def coverage(machine):
    """The driver's coverage counters, in the format that tests/coverage/report.py reads; empty
    unless the driver was built for coverage."""
    return machine.run(
        "find /sys/kernel/debug/gcov -name '*.gcda' -type f | while read -r file; do "
        "echo \"gcov: $file $(od -An -v -tx1 \"$file\" | tr -d ' \\n')\"; done")
