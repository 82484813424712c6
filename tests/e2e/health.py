# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sanitizer kernel has found out about the driver."""

import re

# A word of KASAN, UBSAN, lockdep, DEBUG_OBJECTS, or of the kernel itself.
COMPLAINT = re.compile(r"BUG:|WARNING:|UBSAN:|KASAN:|ODEBUG:|Oops|Call Trace:|INFO: task|"
                       r"possible (circular|recursive)|inconsistent lock|suspicious RCU")
OURS = re.compile(r"hvl_|hv_logoff")

KMEMLEAK = "/sys/kernel/debug/kmemleak"


def prepare(machine):
    machine.run("mount -t debugfs debugfs /sys/kernel/debug")


def leaks(machine):
    """The entries of kmemleak that name the driver."""
    # What is younger than 5 seconds is left alone, and what is new is wanted to be seen twice.
    text = machine.run(f"sleep 6; echo scan >{KMEMLEAK}; echo scan >{KMEMLEAK}; cat {KMEMLEAK}")
    return [entry for entry in text.split("unreferenced object") if OURS.search(entry)]


def complaints(machine):
    log = machine.run("dmesg").splitlines()
    return [line for line in log if COMPLAINT.search(line)]


def check(machine):
    found = complaints(machine)
    if found:
        machine.say(machine.run("dmesg | tail -n 200"))
    lost = leaks(machine)
    for entry in lost:
        machine.say("unreferenced object" + entry)
    assert not found, found
    assert not lost, f"{len(lost)} objects of the driver are leaked"


def coverage(machine):
    """The driver's counters, as tests/coverage/report.py reads them; nothing unless it was
    built for coverage."""
    return machine.run(
        "find /sys/kernel/debug/gcov -name '*.gcda' -type f | while read -r file; do "
        "echo \"gcov: $file $(od -An -v -tx1 \"$file\" | tr -d ' \\n')\"; done")
