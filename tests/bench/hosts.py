# SPDX-License-Identifier: GPL-2.0-or-later
"""vmlogoff with many machines at once, which are simulated: see tests/unit/fake_fleet.h."""

import contextlib
import os
import subprocess
import time

from results import Panel, Spread

MACHINES = (1, 10, 100)
LIMIT = 60


@contextlib.contextmanager
def fleet(build, names):
    """Machines with a session each, which ends at once; yields the environment of their clients."""
    command = [str(build / "fleet"), *(f"{name}=users" for name in names)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          encoding="utf-8") as process:
        yield {**os.environ, "HVHOST_DIR": process.stdout.readline().strip()}
        process.stdin.close()


def timed(command, environment):
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, timeout=LIMIT)
    return time.monotonic() - began


def measure(build, rounds, results):
    """Adds the times of vmlogoff with one machine and with many, against hvhost's own command."""
    names = [f"m{number:03}" for number in range(max(MACHINES))]
    base, times = [], {count: [] for count in MACHINES}
    with fleet(build, names) as environment:
        for _ in range(rounds):
            base.append(timed([str(build / "hvhost"), "logoff", names[0]], environment))
            for count in MACHINES:
                command = [str(build / "vmlogoff"), "--yes", *names[:count]]
                times[count].append(timed(command, environment) / count)
    results.table(
        "Many machines at once",
        ["machines", "ms for each", "against `hvhost logoff` of one machine",
         "against vmlogoff with one machine"],
        [[str(count), Spread.of(times[count]).text(1000), Spread.ratio(times[count], base).text(),
          Spread.ratio(times[count], times[1]).text()] for count in MACHINES],
        f"{rounds} rounds of vmlogoff with simulated machines, whose one session ends at once: "
        "what remains is the host's part. `hvhost logoff` writes one request to the socket and "
        "prints the replies; vmlogoff with one machine does that through libvmguestos.")
    results.panels.append(Panel("vmlogoff, for each machine, against that with one machine", [
        (f"{count} machines", Spread.ratio(times[count], times[1]), None)
        for count in MACHINES if count > 1]))
