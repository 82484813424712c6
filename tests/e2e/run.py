#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the end-to-end cases in one guest after the other, and reports them as TAP
on the screen and in BUILD/results/e2e-KERNEL.tap."""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import cases
from machine import BOOT, Machine

VMBUS_VERSIONS = ("4.0", "4.1", "5.0", "5.1", "5.2", "5.3")


class Report:
    """Test anything protocol, on the screen and in a file."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("w", encoding="utf-8")
        self.number = 0
        self.failed = 0

    def line(self, text):
        for out in (sys.stdout, self.file):
            print(text, file=out, flush=True)

    def say(self, text):
        for line in text.rstrip().splitlines():
            self.line("# " + line)

    def result(self, good, name):
        self.number += 1
        self.failed += not good
        self.line(f"{'ok' if good else 'not ok'} {self.number} - {name}")

    def run(self, name, call):
        """Whether the call raised nothing."""
        began = time.monotonic()
        self.say(f"{name} …")
        try:
            call()
            good = True
        except Exception:  # pylint: disable=broad-except # a failed case is a result
            self.say(traceback.format_exc())
            good = False
        self.result(good, name)
        self.say(f"took {time.monotonic() - began:.1f} s")
        return good

    def plan(self):
        self.line(f"1..{self.number}")


class Lab:
    """The machines of one kernel."""

    def __init__(self, options, report, folder):
        self.report = report
        self.folder = folder
        self.hvhost = options.build / "hvhost"
        self.kernel = options.build / f"kernel-{options.kernel}/vmlinuz"
        self.image = options.build / f"guest-{options.kernel}.img"
        self.tiny = options.build / f"vmbus-{options.kernel}.img"
        self.cmdline = (pathlib.Path(__file__).parent.parent / "guest/cmdline").read_text().strip()
        self.machine = None
        self.boots = 0

    def boot(self):
        """A new machine with a daemon that is attached."""
        self.close()
        self.boots += 1
        self.machine = Machine(self.hvhost, self.folder, f"guest{self.boots}", self.report.say)
        self.machine.start(self.kernel, self.image, self.cmdline)
        self.machine.wait("logoff", "negotiated", BOOT)
        self.machine.run("true", timeout=BOOT)

    def clean(self):
        """Whether the machine is as a case may expect it, at the latest after a forced logoff."""
        try:
            if self.machine.sessions():
                cases.logoff(self.machine, force=True).finish()
            return (self.machine.ask("status")["components"]["logoff"]["negotiated"]
                    and not self.machine.sessions())
        except Exception:  # pylint: disable=broad-except # whatever it is, it is not clean
            return False

    def evidence(self):
        """What a failure may be explained by."""
        self.report.say("the guest's console ends with:")
        self.report.say("\n".join(self.machine.console().splitlines()[-15:]))
        try:
            self.report.say("its journal:")
            self.report.say(self.machine.run(
                "journalctl -b --no-pager -n 25 -o short-monotonic; dmesg | tail -n 15", timeout=60))
        except Exception as error:  # pylint: disable=broad-except # it may be the guest that died
            self.report.say(f"is not to be had: {error}")

    def case(self, function):
        """One case; one that leaves the machine in disorder costs a boot."""
        name = f"{function.__name__}: {function.__doc__}"
        if not self.machine and not self.report.run("boot", self.boot):
            self.evidence()
            raise SystemExit("a guest that does not boot ends the tests")
        good = self.report.run(name, lambda: function(self.machine))
        if not good:
            self.evidence()
        if function is cases.shutdown or (not good and not self.clean()):
            self.close()

    def vmbus(self, version):
        """The kernel's bus driver speaks this version when the host has no newer one."""
        machine = Machine(self.hvhost, self.folder, f"vmbus{version}", self.report.say)
        try:
            machine.start(self.kernel, self.tiny, "console=ttyS0 quiet panic=-1",
                          "--vmbus", version, "--memory", "256")
            machine.wait("heartbeat", "negotiated", BOOT)
            machine.ask("heartbeat")
            cases.same("the version", machine.ask("status")["vmbus"], version)
            assert f"Vmbus version:{version}" in machine.console(), machine.console()
        finally:
            machine.stop()

    def close(self):
        if self.machine:
            self.machine.stop()
            self.machine = None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", required=True, help="as in the names of guest-KERNEL.img")
    parser.add_argument("only", nargs="*", help="names of cases, or vmbus; all if none is given")
    options = parser.parse_args()
    results = options.build / "results"
    report = Report(results / f"e2e-{options.kernel}.tap")
    # A unix socket's path must be short: a build folder's may not be.
    with tempfile.TemporaryDirectory(prefix="hvhost-") as folder:
        lab = Lab(options, report, pathlib.Path(folder))
        try:
            for function in cases.CASES:
                if not options.only or function.__name__ in options.only:
                    lab.case(function)
            if not options.only or "vmbus" in options.only:
                for version in VMBUS_VERSIONS:
                    report.run(f"VMBus {version}", lambda version=version: lab.vmbus(version))
        finally:
            lab.close()
            logs = results / f"e2e-{options.kernel}"
            shutil.rmtree(logs, ignore_errors=True)
            shutil.copytree(folder, logs, ignore=shutil.ignore_patterns("*.sock", "*.cpio"))
            report.plan()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
