#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the end-to-end cases, or the table of faults, in one guest after the other, and
reports them as TAP on the screen and in BUILD/results/e2e-KERNEL.tap or faults-KERNEL.tap."""

import argparse
import collections
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

import administrators
import cases
import faults
import health
import kvp_logoff
import versions
from machine import BOOT, Machine

VMBUS_VERSIONS = ("4.0", "4.1", "5.0", "5.1", "5.2", "5.3")
NEWEST_VMBUS = {"5.10": "5.2"}  # of a kernel that does not know all of them

FOLDER = pathlib.Path(__file__).parent


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


# What is booted, and the component whose negotiation tells that it is up.
Guest = collections.namedtuple("Guest", "component append options clean")


def clean(machine):
    """Whether the machine is as a case may expect it, at the latest after a forced logoff."""
    if machine.sessions():
        cases.logoff(machine, force=True).finish()
    return (machine.ask("status")["components"]["logoff"]["negotiated"]
            and not machine.sessions())


WHOLE = Guest("logoff", "", (), clean)
# Without the module: only KVP is there. What it must not forget outlives a reset.
KVP_ONLY = Guest("kvp", " persistent", ("--no-offer", "logoff", "--persistent", "16"),
                 kvp_logoff.clean)


class Lab:
    """The machines of one kernel."""

    def __init__(self, options, report, folder):
        self.report = report
        self.folder = folder
        self.hvhost = options.build / "hvhost"
        self.kernel = options.build / f"kernel-{options.kernel}/vmlinuz"
        self.image = options.build / f"guest-{options.kernel}.img"
        self.tiny = options.build / f"vmbus-{options.kernel}.img"
        newest = NEWEST_VMBUS.get(options.kernel, VMBUS_VERSIONS[-1])
        self.vmbus_versions = VMBUS_VERSIONS[:VMBUS_VERSIONS.index(newest) + 1]
        self.cmdline = (FOLDER.parent / "guest/cmdline").read_text().strip()
        # KASAN's shadow takes an eighth, and what it keeps of freed memory much more.
        self.sanitizer = options.kernel == "sanitizer"
        self.memory = ("1792", "1024") if self.sanitizer else ("768", "256")
        self.machine = None
        self.guest = WHOLE
        self.boots = 0

    def boot(self, cpus=1):
        """A new machine that is up."""
        self.close()
        self.boots += 1
        self.machine = Machine(self.hvhost, self.folder, f"guest{self.boots}", self.report.say)
        self.machine.start(self.kernel, self.image, self.cmdline + self.guest.append,
                           "--memory", self.memory[0], "--cpus", str(cpus), *self.guest.options,
                           "--allow-user", administrators.ALLOWED_USER,
                           "--allow-group", administrators.ALLOWED_GROUP)
        self.machine.wait(self.guest.component, "negotiated", BOOT)
        self.machine.run("true", timeout=BOOT)
        self.machine.vmbus = self.vmbus_versions[-1]
        self.machine.pace = 3 if self.sanitizer else 1
        if self.sanitizer:
            health.prepare(self.machine)

    def clean(self):
        """Whether the machine can be used again."""
        try:
            return self.guest.clean(self.machine)
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

    def up(self):
        """There is a machine from here on."""
        if not self.machine and not self.report.run("boot", self.boot):
            self.evidence()
            raise SystemExit("a guest that does not boot ends the tests")

    def case(self, function):
        """One case; one that leaves the machine in disorder costs a boot."""
        self.up()
        if function in cases.ENDS:
            self.check_health()
        name = f"{function.__name__}: {function.__doc__}"
        good = self.report.run(name, lambda: function(self.machine))
        if not good:
            self.evidence()
        if function in cases.ENDS:
            self.discard()
        elif not good and not self.clean():
            self.close()

    def fault(self, event, state):
        """One cell; whatever one that failed has left is not used again."""
        first = not self.machine
        self.up()
        if first:
            faults.prepare(self.machine)
        name = f"{event.happen.__name__} in {state}"
        if not self.report.run(name, lambda: faults.run(self.machine, event, state)):
            self.evidence()
            self.close()

    def sweep(self, path):
        self.up()
        if not self.report.run(f"no memory on the path {path}",
                               lambda: faults.sweep(self.machine, path)):
            self.evidence()
            self.close()

    def check_health(self):
        """What the sanitizers have to say of all that happened on the machine."""
        if self.machine and self.sanitizer:
            self.report.run("the sanitizers found nothing",
                            lambda: health.check(self.machine))
            log = self.folder / self.machine.name / "coverage.log"
            log.write_text(health.coverage(self.machine), encoding="utf-8")

    def vmbus(self, version):
        """The kernel's bus driver speaks this version when the host has no newer one."""
        machine = Machine(self.hvhost, self.folder, f"vmbus{version}", self.report.say)
        try:
            machine.start(self.kernel, self.tiny, "console=ttyS0 quiet panic=-1",
                          "--vmbus", version, "--memory", self.memory[1])
            machine.wait("heartbeat", "negotiated", BOOT)
            machine.ask("heartbeat")
            cases.same("the version", machine.ask("status")["vmbus"], version)
            assert f"Vmbus version:{version}" in machine.console(), machine.console()
        finally:
            machine.stop()

    def processors(self):
        """Each has an interrupt controller of its own, and a channel interrupts one of them."""
        self.boot(cpus=2)
        cases.same("processors", self.machine.run("nproc").strip(), "2")
        cases.check_works(self.machine)
        cases.unbind(self.machine)

    def close(self):
        self.check_health()
        self.discard()

    def discard(self):
        if self.machine:
            self.machine.stop()
            self.machine = None

    def cases(self, only):
        guests = [(WHOLE, cases.CASES)]
        # The sanitizer kernel has no persistent memory.
        if not self.sanitizer:
            guests.append((KVP_ONLY, kvp_logoff.CASES))
        for self.guest, functions in guests:
            for function in functions:
                name = function.__name__
                if only and name not in only and not ("core" in only and name in cases.CORE):
                    continue
                if function is versions.guests_with_1_0 and not versions.can_build_1_0():
                    self.report.say(f"{name} is left out: version 1.0 is in the repository's "
                                    "history, which isn't here (git fetch --unshallow)")
                    continue
                self.case(function)
            self.close()
        self.guest = WHOLE
        if not only or "processors" in only:
            if not self.report.run("two processors", self.processors):
                self.evidence()
            self.close()
        if not only or "vmbus" in only:
            for version in self.vmbus_versions:
                self.report.run(f"VMBus {version}", lambda: self.vmbus(version))

    def faults(self, only):
        text = (FOLDER.parent.parent / "docs/faults.md").read_text(encoding="utf-8")
        self.report.run("docs/faults.md has this table", lambda: faults.check_documented(text))
        for event in faults.EVENTS:
            for state in faults.STATES:
                if event.needs_sanitizer and not self.sanitizer:
                    continue
                if "quick" in only and faults.is_slow(event, state):
                    continue
                if set(only) - {"quick"} and event.happen.__name__ not in only:
                    continue
                self.fault(event, state)
        for path in faults.PATHS:
            if self.sanitizer and (not only or path in only):
                self.sweep(path)
        self.close()


def run_suite(options, suite, call):
    """Runs call(lab), reports to the suite's TAP file, and keeps the machines' logs beside it;
    the exit status."""
    # However this ends, it leaves no machine behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    results = options.build / "results"
    report = Report(results / f"{suite}.tap")
    # A unix socket's path must be short: a build folder's may not be.
    with tempfile.TemporaryDirectory(prefix="hvhost-") as folder:
        lab = Lab(options, report, pathlib.Path(folder))
        try:
            call(lab)
        finally:
            lab.discard()
            logs = results / suite
            shutil.rmtree(logs, ignore_errors=True)
            shutil.copytree(folder, logs, ignore=shutil.ignore_patterns("*.sock", "*.cpio"))
            report.plan()
    return 1 if report.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", required=True, help="as in the names of guest-KERNEL.img")
    parser.add_argument("--faults", action="store_true", help="the table of faults")
    parser.add_argument("only", nargs="*", help="names of cases, core, processors, or vmbus; with --faults names of "
                        "events or paths, or quick; all if none is given")
    options = parser.parse_args()
    if options.faults:
        return run_suite(options, f"faults-{options.kernel}", lambda lab: lab.faults(options.only))
    return run_suite(options, f"e2e-{options.kernel}", lambda lab: lab.cases(options.only))


if __name__ == "__main__":
    sys.exit(main())
