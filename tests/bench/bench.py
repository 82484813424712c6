#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints ratios of times that were measured in one guest, which no test asserts: the machine and
its load change both times of a ratio. Writes TAP, with the ratios, to standard output and
BUILD/results/bench-KERNEL.tap; a wrong result is a failure, a slow one is not."""

import pathlib
import socket
import statistics
import struct
import sys
import time

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "e2e"))

# pylint: disable=wrong-import-position
from checks import E_NO_SESSION, S_OK, check_result, leader, logoff, same, until
from machine import BOUND
from run import argument_parser, run_suite, suite
from versions import DAEMON, build_old, copy_into_guest, switch_to

# The last version whose daemon does not stop user managers.
BEFORE = "without-managers"

# Sessions. With 3,000, logind in an emulated guest does not answer within D-Bus' time limit.
CLOSING = 1000
# For each of the rounds, which are few because the other measurements take seconds.
ROUND_TRIPS = 4
KVP_POOL_GUEST = 1
PORT = 877  # HVL_VSOCK_PORT
SESSIONS = "/run/systemd/sessions"
LIST_SESSIONS = ("busctl call org.freedesktop.login1 /org/freedesktop/login1 "
                 "org.freedesktop.login1.Manager ListSessions")


def timed(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


class SocketHost:
    """A host that sends QUERY through the machine's vsock.sock; see docs/protocol.md."""

    HEADER = struct.Struct("<IIHHHHHHIBBxx")
    NEGOTIATE, LOGOFF_TYPE, QUERY = 0, 0x4C4F, 3

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(BOUND)
        self.socket.connect(str(folder / "vsock.sock"))
        self.socket.sendall(f"CONNECT {PORT}\n".encode())
        self.file = self.socket.makefile("rb")
        same("the answer to CONNECT", self.file.readline()[:3], b"OK ")
        # One framework version, 3.0, and one message version, 1.2.
        self.call(self.NEGOTIATE, struct.pack("<HHIHHHH", 1, 1, 0, 3, 0, 1, 2))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.file.close()
        self.socket.close()

    def call(self, kind, body):
        """Sends a message and returns the status of the answer."""
        header = self.HEADER.pack(0, 20 + len(body), 3, 0, kind, 1, 2, len(body), 0, 1, 3)
        self.socket.sendall(header + body)
        answer = self.HEADER.unpack(self.file.read(self.HEADER.size))
        self.file.read(answer[7])
        same("the type of the answer", answer[4], kind)
        return answer[8]

    def query(self, request_id):
        """The guest knows the ids of all its requests, whichever way they came."""
        body = struct.pack("<IIQ", self.QUERY, 0, request_id)
        same("the result", self.call(self.LOGOFF_TYPE, body), S_OK)


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
        self.lab.report.log(f"RATIO {name}: {median:.2f} (medians {statistics.median(times):.3f} s "
                            f"and {statistics.median(base):.3f} s, {len(times)} rounds)")

    # Round trips on the VMBus, as hvhost measures them.

    def heartbeat(self):
        """The round trip of the next heartbeat: the kernel's alone, without a process."""
        answered = self.machine.rpc("heartbeat")["answered"]
        return until("a heartbeat", lambda: (reply := self.machine.rpc("heartbeat"))["answered"] >
                     answered and reply["round_trip_us"])

    def empty_logoff(self):
        """The round trips to the first PROGRESS of the daemon, and to the COMPLETE."""
        request = logoff(self.machine)
        first = request.until(lambda event: event.get("event") == "progress")
        reply = request.finish()
        same("the result", reply["hresult"], E_NO_SESSION)
        return first["round_trip_us"], reply["round_trip_us"]

    def kvp_get(self):
        """GET of an item of the guest, which hv_kvp_daemon answers."""
        reply = self.machine.rpc("kvp_get", pool=KVP_POOL_GUEST, name="HvLogoffAnswer")
        same("the result", reply["hresult"], S_OK)
        return reply["round_trip_us"]

    def query(self, request_id):
        return self.machine.rpc("query", id=request_id)["round_trip_us"]

    def round_trips(self):
        """Round trips of QUERY and of a logoff of nobody, against GET by KVP and the heartbeat"""
        known = logoff(self.machine).finish()["id"]
        measured = {name: [] for name in ("heartbeat", "QUERY", "KVP GET", "first PROGRESS",
                                          "COMPLETE")}
        for _ in range(ROUND_TRIPS * self.rounds):
            first, complete = self.empty_logoff()
            for name, value in (("heartbeat", self.heartbeat()), ("QUERY", self.query(known)),
                                ("KVP GET", self.kvp_get()), ("first PROGRESS", first),
                                ("COMPLETE", complete)):
                measured[name].append(value)
        for name, values in measured.items():
            self.lab.report.log(f"{name}: median {statistics.median(values) / 1000:.2f} ms, from "
                                f"{min(values) / 1000:.2f} to {max(values) / 1000:.2f} ms")
        for base in ("heartbeat", "KVP GET"):
            for name in ("QUERY", "first PROGRESS", "COMPLETE"):
                ratio = statistics.median(measured[name]) / statistics.median(measured[base])
                self.lab.report.log(f"RATIO {name} against {base}: {ratio:.2f}")

    def queries(self):
        """QUERY by a socket against QUERY of the component, both with the way to hvhost"""
        known = logoff(self.machine).finish()["id"]
        with SocketHost(self.machine.path) as host:
            times, base = [], []
            for _ in range(ROUND_TRIPS * self.rounds):
                times.append(timed(lambda: host.query(int(known, 16))))
                base.append(timed(lambda: self.query(known)))
        self.ratio("QUERY by a socket, against QUERY of the component", times, base)

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
        for measure in (self.round_trips, self.queries, self.closing, self.managers):
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
