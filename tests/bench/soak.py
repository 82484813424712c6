#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs users off in one guest for minutes or hours, with faults in between, and checks that each
request has exactly one result, and that nothing grows. Writes TAP to standard output and
BUILD/results/soak-KERNEL.tap.

A round is a burst of logoffs of all kinds, and one cell of the table of faults or a storm of
invalid packets. Memory, descriptors and files are sampled several times in a burst. The growth is
the slope of a line that is fitted to the samples over the number of requests. For the daemon's own
figures all its processes have this slope in common, and each its own level, because a process that
was killed takes its memory with it."""

import collections
import contextlib
import dataclasses
import math
import pathlib
import random
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "e2e"))

# pylint: disable=wrong-import-position
import cases
import faults
import health
from checks import E_CANCELLED, E_NO_SESSION, S_OK, built, in_grace, logoff, same
from machine import BOUND
from results import digits, table
from run import argument_parser, run_suite, suite
from versions import reports_of

BURST, SAMPLES = 200, 5  # logoffs in a burst, and samples in it
WITH_SESSIONS = 6         # logoffs in a burst that end a session
STORM, STORM_EVERY = 2000, 4  # packets; rounds
# What a process allocates once, it has allocated after so many requests, and a guest after so many
# rounds.
WARM_REQUESTS, WARM_ROUNDS = 20, 2
# A growth of less than this part of the value, in PER requests, is not told from noise.
TOLERANCE, PER = 0.02, 10000

EVENTS = (faults.killed, faults.logind_restarts, faults.cancelled, faults.rescinded,
          faults.renegotiated, faults.unloaded, faults.reopen_refused, faults.logon)

# The names of the figures, whether they are of the daemon's process, and how a shell in the guest
# prints them; $pid is the daemon's process. What the kernel could free is freed before.
FIGURES = {
    "hv-logoffd: RSS, KiB": (True, "awk '$1 == \"Rss:\" { print $2 }' /proc/$pid/smaps_rollup"),
    "hv-logoffd: PSS, KiB": (True, "awk '$1 == \"Pss:\" { print $2 }' /proc/$pid/smaps_rollup"),
    "hv-logoffd: descriptors": (True, "ls /proc/$pid/fd | wc -l"),
    "kernel: slab, KiB": (False, "awk '$1 == \"Slab:\" { print $2 }' /proc/meminfo"),
    # Full after 256 requests, which are in the first rounds; the one of KVP much later.
    "journal of the component, bytes":
        (False, "cat /run/hv-logoff/device-journal 2>/dev/null | wc -c"),
}
SAMPLE = ("read -r pid <" + faults.LOGOFFD_PIDS + "; echo 2 >/proc/sys/vm/drop_caches; echo $pid;" +
          ";".join(command for _, command in FIGURES.values()))


@dataclasses.dataclass
class Fit:
    """The slope of samples of (group, x, y), each group with its own level."""
    slope: float
    error: float  # half of the 95 % confidence interval
    level: float
    count: int

    @classmethod
    def of(cls, samples):
        groups = collections.defaultdict(list)
        for group, x, y in samples:
            groups[group].append((x, y))
        deviations = []
        for points in groups.values():
            mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
            deviations += [(x - mean_x, y - mean_y) for x, y in points]
        square = sum(x * x for x, _ in deviations)
        free = len(samples) - len(groups) - 1
        if not square or free < 1:
            raise AssertionError("too few samples to fit a line: run it for longer")
        slope = sum(x * y for x, y in deviations) / square
        rest = sum((y - slope * x) ** 2 for x, y in deviations)
        # The quantile of Student's distribution, within 6 % from five degrees of freedom on.
        quantile = 1.96 + 2.4 / free
        return cls(slope, quantile * math.sqrt(rest / free / square),
                   sum(y for _, _, y in samples) / len(samples), len(samples))

    def is_flat(self):
        """Whether the interval includes no growth, or only one below the tolerance."""
        return (self.slope - self.error <= 0 or
                (self.slope + self.error) * PER <= TOLERANCE * self.level)


class Soak:
    """One run in one guest."""

    def __init__(self, lab, seconds, seed):
        self.lab = lab
        self.seconds = seconds
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.kinds = collections.Counter()
        self.samples = []  # (round, process, requests that it has had, requests in total, figures)
        self.requests_of_process = collections.Counter()
        self.process = None
        self.pending = []  # the ids of the round

    @property
    def machine(self):
        return self.lab.machine

    # Logoffs. Each checks its result.

    def request(self, wanted, **options):
        request = logoff(self.machine, **options)
        return self.finish(request, wanted)

    def finish(self, request, wanted):
        reply = request.finish()
        same("the HRESULT", reply["hresult"], wanted)
        self.pending.append(reply["id"])
        return reply

    def ends(self, only, **options):
        """A logoff that ends this session only, and reports it once."""
        request = logoff(self.machine, **options)
        reply = self.finish(request, S_OK)
        same("found and ended", (reply["found"], reply["ended"]), (1, 1))
        same("the sessions reported", [end["session"] for end in reports_of(request)], [only])

    def nobody(self):
        self.request(E_NO_SESSION)

    def dry_run(self):
        self.request(E_NO_SESSION, dry_run=True)

    def one_user(self):
        self.request(E_NO_SESSION, user="carol")

    def everyone(self):
        self.ends(self.machine.open_session("pam", "alice"))

    def terminal(self):
        self.ends(self.machine.open_session("login", "bob"), message="Good night.")

    def forced(self):
        self.ends(self.machine.open_session("pam", "bob"), force=True)

    def one_session(self):
        session = self.machine.open_session("pam", "carol")
        self.ends(session, session=session, no_logins=True)

    def cancelled(self):
        session = self.machine.open_session("pam", "alice")
        request, request_id = in_grace(self.machine)
        same("the reply to CANCEL", self.machine.rpc("cancel", id=request_id)["hresult"], S_OK)
        self.finish(request, E_CANCELLED)
        self.ends(session)

    def by_vmlogoff(self, via):
        self.machine.open_session("pam", "alice")
        subprocess.run([built(self.machine, "vmlogoff"), f"--via={via}", self.machine.name],
                       env=self.machine.environment, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=BOUND)

    def socket(self):
        self.by_vmlogoff("vsock")

    def kvp(self):
        self.by_vmlogoff("kvp")

    def burst(self, number):
        """Most requests find nobody, which takes the least time; the others are spread."""
        kinds = [self.everyone, self.terminal, self.forced, self.one_session, self.cancelled]
        # The sanitizer kernel has no Hyper-V sockets.
        kinds += [] if self.lab.sanitizer else [self.socket]
        kinds = self.random.sample([*kinds, self.kvp], WITH_SESSIONS)
        kinds += self.random.choices([self.nobody, self.dry_run, self.one_user], (8, 1, 1),
                                     k=BURST - WITH_SESSIONS)
        self.random.shuffle(kinds)
        for index, kind in enumerate(kinds, 1):
            kind()
            self.kinds[kind.__name__] += 1
            self.count(2 if kind.__name__ == "cancelled" else 1)
            if index % (BURST // SAMPLES) == 0:
                self.sample(number)

    def count(self, requests):
        self.counts["requests"] += requests
        self.requests_of_process[self.process] += requests

    def check_answers(self):
        """Each request of the component has had exactly one COMPLETE."""
        for request_id in self.pending:
            completes = self.machine.rpc("complete_count", id=request_id)["complete"]
            self.counts["COMPLETE"] += completes
            self.counts["lost"] += completes == 0
            self.counts["double"] += max(0, completes - 1)
        self.pending = []
        same("lost and double answers", (self.counts["lost"], self.counts["double"]), (0, 0))

    # Faults.

    def fault(self, number):
        if number % STORM_EVERY == 0:
            cases.run_storm(self.machine, self.random.getrandbits(32), STORM)
            self.kinds["storm"] += 1
            self.counts["requests in faults"] += 1
            return
        event = self.random.choice([event for event in faults.EVENTS if event.happen in EVENTS])
        state = self.random.choice(faults.STATES)
        self.lab.report.log(f"{event.happen.__name__} in {state}")
        faults.run(self.machine, event, state)
        self.kinds[event.happen.__name__] += 1
        self.counts["requests in faults"] += 2

    def sample(self, number):
        process, *figures = map(int, self.machine.run(SAMPLE).split())
        if process != self.process:
            self.process = process
        self.samples.append((number, process, self.requests_of_process[process],
                             self.counts["requests"], dict(zip(FIGURES, figures, strict=True))))

    def round(self, number):
        self.machine.wait("logoff", "negotiated")
        self.burst(number)
        self.check_answers()
        self.fault(number)
        found = health.complaints(self.machine)
        assert not found, found

    # The results.

    def fit(self, name):
        of_process, _ = FIGURES[name]
        if of_process:
            return Fit.of([(process, requests, figures[name])
                           for _, process, requests, _, figures in self.samples
                           if requests >= WARM_REQUESTS])
        return Fit.of([(None, requests, figures[name])
                       for number, _, _, requests, figures in self.samples
                       if number > WARM_ROUNDS])

    def report(self):
        log = self.lab.report.log
        for counter in self.counts, self.kinds:
            log(", ".join(f"{name}: {value}" for name, value in counter.items()))
        rows = []
        for name in FIGURES:
            fit = self.fit(name)
            growth = ("-" if fit.slope < 0 else "") + digits(abs(fit.slope * PER))
            rows.append([name, f"{fit.level:.0f}", f"{growth} ± {digits(fit.error * PER)}",
                         str(fit.count), "yes" if fit.is_flat() else "no"])
        log("\n".join(table(["figure", "mean", f"growth in {PER} logoffs", "samples", "flat"],
                            rows)))

    def is_flat(self, name):
        fit = self.fit(name)
        assert fit.is_flat(), f"it grows by {fit.slope * PER:.1f} in {PER} logoffs"

    def rounds(self):
        """Whether all rounds until the deadline were good."""
        deadline = time.monotonic() + self.seconds
        number = 0
        while time.monotonic() < deadline:
            number += 1
            if not self.lab.report.run(f"round {number}", lambda: self.round(number)):
                self.lab.evidence()
                return False
        return True

    def run(self):
        self.lab.up()
        faults.prepare(self.machine)
        try:
            good = self.rounds()
        finally:
            with contextlib.suppress(AssertionError):
                self.report()
        if good:
            for name in FIGURES:
                self.lab.report.run(f"does not grow: {name}", lambda name=name: self.is_flat(name))
        self.lab.close()


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()

    def soak(lab):
        lab.report.log(f"seed {options.seed}, {options.minutes:g} minutes")
        Soak(lab, options.minutes * 60, options.seed).run()

    return run_suite(options, f"soak-{suite(options)}", soak)


if __name__ == "__main__":
    sys.exit(main())
