#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the end-to-end cases, or the table of faults, in guests with one kernel. Prints the results
as TAP and writes them to BUILD/results/e2e-KERNEL.tap or faults-KERNEL.tap; for a guest that is not
bookworm's, -GUEST follows the kernel."""

import argparse
import collections
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

import administrators
import cases
import cgroup_v1
import faults
import health
import hyper_v
import kvp_logoff
import real_sessions
import returns
import sockets
import versions
import vsock
from checks import same
from machine import BOOT, Machine, Refused, kernel_report

VMBUS_VERSIONS = ("4.0", "4.1", "5.0", "5.1", "5.2", "5.3")
NEWEST_VMBUS = {"5.10": "5.2"}  # of kernels that do not support all of them

TINY_CMDLINE = "console=ttyS0 quiet panic=-1"  # for the image that only contacts the VMBus
STOP_SECONDS = 20  # within which "hvhost stop" ends a machine that is hung

FOLDER = pathlib.Path(__file__).parent


class Report:
    """Results in TAP format, on standard output and in a file."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("w", encoding="utf-8")
        self.number = 0
        self.failed = 0

    def line(self, text):
        for out in (sys.stdout, self.file):
            print(text, file=out, flush=True)

    def log(self, text):
        for line in text.rstrip().splitlines():
            self.line("# " + line)

    def result(self, good, name):
        self.number += 1
        self.failed += not good
        self.line(f"{'ok' if good else 'not ok'} {self.number} - {name}")

    def skip(self, name, reason):
        self.number += 1
        self.line(f"ok {self.number} - {name} # SKIP {reason}")

    def run(self, name, call):
        """Reports the call as passed unless it raises an exception; returns whether it passed."""
        began = time.monotonic()
        self.log(f"{name} …")
        try:
            call()
            good = True
        except Exception:  # pylint: disable=broad-except # every exception is a failure
            self.log(traceback.format_exc())
            good = False
        self.result(good, name)
        self.log(f"took {time.monotonic() - began:.1f} s")
        return good

    def plan(self):
        self.line(f"1..{self.number}")


# The configuration of a guest. It is up once `component` has negotiated. clean(machine) returns
# whether another case can use it.
Guest = collections.namedtuple("Guest", "component append options clean")


def clean(machine):
    """Logs off all sessions if there are any; returns whether the guest has its initial state."""
    if machine.sessions():
        cases.logoff(machine, force=True).finish()
    return (machine.rpc("status")["components"]["logoff"]["negotiated"]
            and not machine.sessions())


WHOLE = Guest("logoff", "", (), clean)
# Without the driver, only KVP is available. The daemon's state survives a reset.
KVP_ONLY = Guest("kvp", " persistent", ("--no-offer", "logoff", "--persistent", "16"),
                 kvp_logoff.clean)
V1 = " systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller="
LEGACY = Guest("logoff", V1 + "1", (), clean)
HYBRID = Guest("logoff", V1 + "0", (), clean)


def suite(options):
    """What the kernel and the guest add to the names of images and results."""
    return options.kernel + ("" if options.guest == "bookworm" else "-" + options.guest)


def selected(name, only):
    """Whether the case is one of those that the command line names."""
    return (not only or name in only or "quick" in only and name not in cases.SLOW or
            any(name in group for key, group in cases.GROUPS.items() if key in only))


class Lab:
    """Runs the machines of one kernel, one at a time."""

    def __init__(self, options, report, folder):
        self.report = report
        self.folder = folder
        self.hvhost = options.build / "hvhost"
        self.kernel = options.build / f"kernel-{options.kernel}/vmlinuz"
        self.image = options.build / f"guest-{suite(options)}.img"
        self.tiny = options.build / f"vmbus-{options.kernel}.img"
        newest = NEWEST_VMBUS.get(options.kernel, VMBUS_VERSIONS[-1])
        self.vmbus_versions = VMBUS_VERSIONS[:VMBUS_VERSIONS.index(newest) + 1]
        self.cmdline = (FOLDER.parent / "guest/cmdline").read_text().strip()
        # KASAN's shadow takes an eighth of the memory, and its quarantine much more.
        self.sanitizer = options.kernel == "sanitizer"
        self.release = options.guest
        # Programs of the host do not depend on the guest's kernel.
        self.hyper_v = hyper_v.CASES if options.kernel == "6.1" else []
        self.memory = ("1792", "1024") if self.sanitizer else ("768", "256")
        self.machine = None
        self.guest = WHOLE
        self.boots = 0

    def boot(self, cpus=1):
        """Boots a new machine and waits until its guest is up."""
        self.close()
        self.boots += 1
        self.machine = Machine(self.hvhost, self.folder, f"guest{self.boots}", self.report.log)
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
        """Whether another case can use the machine."""
        try:
            return self.guest.clean(self.machine)
        except Exception:  # pylint: disable=broad-except # any exception means that it is not
            return False

    def evidence(self):
        """Prints what may explain a failure."""
        for text in (*self.machine.tails(), *kernel_report(self.machine.path)):
            self.report.log(text)
        try:
            self.report.log("the guest's journal and kernel log:")
            self.report.log(self.machine.run(
                "journalctl -b --no-pager -n 25 -o short-monotonic; dmesg | tail -n 15",
                timeout=60))
        except Exception as error:  # pylint: disable=broad-except # the guest may have crashed
            self.report.log(f"not available: {error}")

    def up(self):
        """Boots a machine unless there is one."""
        if not self.machine and not self.report.run("boot", self.boot):
            self.evidence()
            raise SystemExit("the guest does not boot: giving up")

    def case(self, function):
        """Runs one case. If it leaves the machine unusable, the next case boots another one."""
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
        """Runs one cell of the table. After a failed one the machine is not used again."""
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
        """Checks the sanitizers' reports since the boot, and saves the coverage counters."""
        if self.machine and self.sanitizer:
            self.report.run("the sanitizers found nothing",
                            lambda: health.check(self.machine))
            log = self.folder / self.machine.name / "coverage.log"
            log.write_text(health.coverage(self.machine), encoding="utf-8")

    def tiny_machine(self, name):
        """A machine for tiny_start(), with a guest that only contacts the VMBus."""
        return Machine(self.hvhost, self.folder, name, self.report.log)

    def tiny_start(self, machine, *options, append=""):
        machine.start(self.kernel, self.tiny, TINY_CMDLINE + append, "--memory", self.memory[1],
                      *options)

    def vmbus(self, version):
        """The kernel's VMBus driver uses this version if the host supports no newer one."""
        # All versions use one name, so that each machine is started right after the last one's end.
        machine = self.tiny_machine("vmbus")
        try:
            self.tiny_start(machine, "--vmbus", version)
            machine.wait("heartbeat", "negotiated", BOOT)
            machine.rpc("heartbeat")
            same("the version", machine.rpc("status")["vmbus"], version)
            assert f"Vmbus version:{version}" in machine.console(), machine.console()
        except Exception:
            for text in machine.tails():
                self.report.log(text)
            raise
        finally:
            machine.stop()

    def restarts(self, rounds):
        """A machine is started again as soon as it was stopped."""
        machine = self.tiny_machine("restarts")
        began = time.monotonic()
        try:
            for _ in range(rounds):
                self.tiny_start(machine)
                machine.command("stop")
                same("the machine's processes", machine.processes(), [])
            took = time.monotonic() - began
            self.report.log(f"{rounds} rounds, {took / rounds:.1f} s each")
        finally:
            machine.stop()

    def hung_machines(self):
        """stop ends a machine that does not react, within seconds and with all processes."""
        machine = self.tiny_machine("hung")
        try:
            for which in (-1, 0):  # QEMU, where there is an outer machine; then hvhost itself
                self.tiny_start(machine)
                os.kill(machine.processes()[which], signal.SIGSTOP)
                began = time.monotonic()
                machine.command("stop")
                took = time.monotonic() - began
                self.report.log(f"stopped after {took:.1f} s")
                assert took < STOP_SECONDS, "that took too long"
                same("the machine's processes", machine.processes(), [])
        finally:
            machine.stop()

    def panic(self):
        """The panic of a guest's kernel is reported to a client that waits for the guest."""
        machine = self.tiny_machine("panic")
        try:
            self.tiny_start(machine, append=" rdinit=/none")
            machine.wait("heartbeat", "negotiated", BOOT)
        except Refused as refused:
            self.report.log(str(refused))
            same("the reply", refused.reply["name"], "VM_E_VM_NOT_RUNNING")
            assert "Kernel panic - not syncing" in str(refused), "the panic is missing"
        else:
            raise AssertionError("the guest booted")
        finally:
            machine.stop()
        printed = machine.command("exec", "--", "true", check=False).stdout
        assert "Kernel panic - not syncing" in printed, printed

    def processors(self):
        """Each processor has its own SynIC, and a channel interrupts one of them."""
        self.boot(cpus=2)
        same("processors", self.machine.run("nproc").strip(), "2")
        cases.check_works(self.machine)
        cases.unbind(self.machine)

    def close(self):
        self.check_health()
        self.discard()

    def discard(self):
        if self.machine:
            self.machine.stop()
            self.machine = None

    def cases(self, only, rounds):
        guests = [(WHOLE, cases.CASES +
                   (real_sessions.CASES if self.release == "trixie" else []))]
        # The sanitizer kernel has no persistent memory.
        if not self.sanitizer:
            guests.append((KVP_ONLY, kvp_logoff.CASES + vsock.CASES + self.hyper_v))
        # Debian 13's systemd does not support version 1 of control groups by default.
        if not self.sanitizer and self.release in ("bullseye", "bookworm"):
            guests += [(LEGACY, cgroup_v1.LEGACY), (HYBRID, cgroup_v1.HYBRID)]
        for self.guest, functions in guests:
            for function in functions:
                name = function.__name__
                if not selected(name, only):
                    continue
                if function in versions.BUILT and not versions.can_build_old():
                    self.report.skip(name, "the repository's history, from which it builds "
                                           "old versions, is missing: git fetch --unshallow")
                    continue
                if (function is hyper_v.kvp_powershell and not hyper_v.find_powershell() and
                        os.environ.get("POWERSHELL") != "required"):
                    self.report.skip(name, "there is no .NET SDK, or NuGet cannot be reached")
                    continue
                if function is returns.returns_at_seat and self.sanitizer:
                    self.report.skip(name, "the sanitizer kernel has no virtual terminals")
                    continue
                if function in sockets.CASES and self.sanitizer:
                    self.report.skip(name, "the sanitizer kernel has no Hyper-V sockets")
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
        if not only or "restarts" in only:
            self.report.run(f"{rounds} rounds of start and stop", lambda: self.restarts(rounds))
            self.report.run("stop of hung machines", self.hung_machines)
            self.report.run("report of a panic", self.panic)

    def faults(self, only):
        text = (FOLDER.parent.parent / "docs/faults.md").read_text(encoding="utf-8")
        self.report.run("docs/faults.md matches the table", lambda: faults.check_documented(text))
        for event in faults.EVENTS:
            for state in faults.STATES:
                if event.needs_sanitizer and not self.sanitizer:
                    continue
                if "quick" in only and not faults.is_quick(event, state):
                    continue
                if set(only) - {"quick"} and event.happen.__name__ not in only:
                    continue
                if event.needs_speed and self.sanitizer:
                    self.report.skip(f"{event.happen.__name__} in {state}",
                                     "a getty takes too long to log a user on again")
                    continue
                self.fault(event, state)
        for path in faults.PATHS:
            if self.sanitizer and (not only or path in only):
                self.sweep(path)
        self.close()


def run_suite(options, name, call):
    """Runs call(lab), reports to the suite's TAP file, and saves the machines' logs next to it;
    returns the exit status."""
    # SIGTERM raises an exception, so that the machine is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    results = options.build / "results"
    report = Report(results / f"{name}.tap")
    # The path of a Unix socket must be short, and that of a build folder may be long.
    with tempfile.TemporaryDirectory(prefix="hvhost-") as folder:
        lab = Lab(options, report, pathlib.Path(folder))
        try:
            call(lab)
        finally:
            lab.discard()
            logs = results / name
            shutil.rmtree(logs, ignore_errors=True)
            shutil.copytree(folder, logs, ignore=shutil.ignore_patterns("*.sock", "*.cpio", "lock"))
            report.plan()
    return 1 if report.failed else 0


def argument_parser(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", required=True, help="as in the names of guest-KERNEL.img")
    parser.add_argument("--guest", default="bookworm", help="the Debian release of its user space")
    return parser


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--faults", action="store_true", help="the table of faults")
    parser.add_argument("--rounds", type=int, default=3, help="of start and stop in restarts")
    parser.add_argument("only", nargs="*",
                        help="names of cases, core, release, cgroup_v1, real_sessions, quick, "
                        "processors, vmbus or restarts; with --faults names of events or paths, "
                        "or quick; all if none is given")
    options = parser.parse_args()
    if options.faults:
        return run_suite(options, f"faults-{suite(options)}", lambda lab: lab.faults(options.only))
    return run_suite(options, f"e2e-{suite(options)}",
                     lambda lab: lab.cases(options.only, options.rounds))


if __name__ == "__main__":
    sys.exit(main())
