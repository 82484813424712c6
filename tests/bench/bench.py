#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints ratios of times that were measured in one guest, which no test asserts: the machine and
its load change both times of a ratio. Writes TAP, with the ratios, to standard output and
BUILD/results/bench-KERNEL.tap; a wrong result is a failure, a slow one is not."""

import pathlib
import statistics
import sys
import time

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "e2e"))

# pylint: disable=wrong-import-position
from checks import S_OK, check_result, leader, logoff, same
from run import argument_parser, run_suite, suite
from versions import DAEMON, build_old, copy_into_guest, switch_to

# The last version whose daemon does not stop user managers.
BEFORE = "without-managers"

# Sessions. With 3,000, logind in an emulated guest does not answer within D-Bus' time limit.
CLOSING = 1000
SESSIONS = "/run/systemd/sessions"
LIST_SESSIONS = ("busctl call org.freedesktop.login1 /org/freedesktop/login1 "
                 "org.freedesktop.login1.Manager ListSessions")


def timed(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


class Bench:
    """The measurements of one guest."""

    def __init__(self, lab, rounds):
        self.lab = lab
        self.rounds = rounds

    @property
    def machine(self):
        return self.lab.machine

    def ratio(self, name, times, base):
        """Reports the median of the pairs' ratios, and the medians from which they come."""
        median = statistics.median(one / other for one, other in zip(times, base))
        self.lab.report.log(f"RATIO {name}: {median:.2f} (medians {statistics.median(times):.2f} s "
                            f"and {statistics.median(base):.2f} s, {len(times)} rounds)")

    # A list with sessions that have ended.

    def list_times(self):
        """The times of a dry run with one session that is selected, and of logind's own list."""
        def dry_run():
            reply = logoff(self.machine, dry_run=True).finish()
            same("the result and found", (reply["hresult"], reply["found"]), (S_OK, 1))

        def raw():
            self.machine.run(f"{LIST_SESSIONS} >/dev/null")

        dry_run()  # the first one may have to connect
        return ([timed(dry_run) for _ in range(self.rounds)],
                [timed(raw) for _ in range(self.rounds)])

    def make_closing(self):
        """One session in state closing without a scope, by a fault of systemd 252: logind restarts
        while a process is left in the scope. Copies of its record have the same scope, and no
        leader: logind logs an error for each session whose leader is that of another one."""
        session = self.machine.open_session("pam", "bob")
        group = self.machine.run(f"systemctl show -P ControlGroup session-{session}.scope").strip()
        self.machine.run(
            "sleep infinity >/dev/null 2>&1 & echo $! >/run/left;"
            f"cat /run/left >/sys/fs/cgroup{group}/cgroup.procs; kill {leader(session)}")
        self.machine.wait_run(f"grep -q STATE=closing {SESSIONS}/{session}")
        # Only built-in commands of the shell in the loop: a process for each file takes minutes.
        self.machine.run(
            f"systemctl stop systemd-logind; cd {SESSIONS};"
            f"record=$(grep -v ^LEADER= {session}); i=1;"
            f"while [ $i -lt {CLOSING} ]; do echo \"$record\" >x$i; i=$((i + 1)); done;"
            "systemctl start systemd-logind;"
            f"until {LIST_SESSIONS} >/dev/null 2>&1; do sleep 1; done;"
            "kill $(cat /run/left)")
        self.machine.wait_run(f"! test -e /sys/fs/cgroup{group}")
        count = self.machine.run(LIST_SESSIONS).split()[1]
        same("sessions that logind lists", int(count), CLOSING + 1)

    def drop_closing(self):
        self.machine.run(f"systemctl stop systemd-logind; grep -l STATE=closing -r {SESSIONS} |"
                         "xargs rm; systemctl start systemd-logind")

    def closing(self):
        """A list with 1,000 sessions in state closing without a scope, against one without"""
        self.machine.open_session("pam", "alice")
        base, base_raw = self.list_times()
        self.make_closing()
        times, raw = self.list_times()
        self.drop_closing()
        self.ratio(f"a dry run with {CLOSING} sessions that have ended, against one without",
                   times, base)
        self.ratio("logind's list by busctl, in the same states", raw, base_raw)
        check_result(self.machine, logoff(self.machine).finish(), S_OK)

    # A logoff of users without a manager.

    def logoff_time(self, old):
        switch_to(self.machine, old, daemon=old and DAEMON)
        for user in ("alice", "bob", "carol"):
            for kind in ("login", "pam"):
                self.machine.open_session(kind, user)

        def everyone():
            reply = logoff(self.machine).finish()
            same("the result and ended", (reply["hresult"], reply["ended"]), (S_OK, 6))

        return timed(everyone)

    def managers(self):
        """A logoff of users without a manager, against the daemon that does not stop managers"""
        copy_into_guest(self.machine, BEFORE, build_old(self.machine, BEFORE) / DAEMON)
        self.machine.run("systemctl mask --runtime user@.service; systemctl stop 'user@*.service'")
        times, base = [], []
        for number in range(self.rounds):
            # The order changes, so that a drift of the machine's speed affects both.
            for old in (BEFORE, None) if number % 2 else (None, BEFORE):
                (base if old else times).append(self.logoff_time(old))
        switch_to(self.machine)
        self.machine.run("systemctl unmask --runtime user@.service")
        self.ratio("a logoff of six sessions without user managers, against the daemon that does "
                   "not stop managers", times, base)

    def run(self):
        for measure in (self.closing, self.managers):
            self.lab.up()
            if not self.lab.report.run(measure.__doc__, measure):
                self.lab.evidence()
                self.lab.close()


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement")
    options = parser.parse_args()
    return run_suite(options, f"bench-{suite(options)}",
                     lambda lab: Bench(lab, options.rounds).run())


if __name__ == "__main__":
    sys.exit(main())
