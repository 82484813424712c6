#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures in one guest how long, and how large, something is beside something else. Asserts no
time, because the machine and its load determine all of them; only a wrong result is a failure.
Writes TAP and tables to standard output and BUILD/results/bench-KERNEL.tap. A run of all measures
replaces the figures in docs/bench.md, and the chart docs/bench.svg."""

import contextlib
import datetime
import os
import pathlib
import re
import subprocess
import sys
import time

import hosts

FOLDER = pathlib.Path(__file__).parent
DOCS = FOLDER.parent.parent / "docs"
sys.path.insert(0, str(FOLDER.parent / "e2e"))

# pylint: disable=wrong-import-position
from checks import E_NO_SESSION, S_OK, built, check_result, leader, logoff, same, until
from machine import BOUND
from results import Goal, Panel, Results, Spread, chart, digits, replace_part
from run import argument_parser, run_suite, suite
from versions import DAEMON, build_old, copy_into_guest, switch_to
from vsock import QUERY, Connection

# The last version whose daemon does not stop user managers.
BEFORE = "without-managers"

# Sessions. With 3,000, logind in an emulated guest does not answer within D-Bus' time limit.
CLOSING = 1000
# For each of the rounds, which are few because the other measurements take seconds.
ROUND_TRIPS = 4
# To open the sessions takes longer than all else: more than these are ended in fewer rounds.
MANY, VERY_MANY = 50, 300
KVP_POOL_GUEST = 1
USERS = ("alice", "bob", "carol")
SESSIONS = "/run/systemd/sessions"
LIST_SESSIONS = ("busctl call org.freedesktop.login1 /org/freedesktop/login1 "
                 "org.freedesktop.login1.Manager ListSessions")
UNIT = "hv-logoffd.service"
WATCHDOG = ("busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/"
            "hv_2dlogoffd_2eservice org.freedesktop.systemd1.Service WatchdogUSec")
# The control groups whose processor time ending a session takes.
GROUPS = {"hv-logoffd": f"system.slice/{UNIT}", "PID 1": "init.scope",
          "dbus-daemon": "system.slice/dbus.service",
          "systemd-logind": "system.slice/systemd-logind.service",
          "systemd-journald": "system.slice/systemd-journald.service"}
TRANSPORTS = {"vmbus": "the component", "vsock": "a socket", "kvp": "KVP"}


def timed(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


def processor():
    """The name of this machine's processors, and how many there are."""
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{os.cpu_count()} × {found[1] if found else os.uname().machine}"


class Bench:
    """The measurements of one guest."""

    def __init__(self, lab, options):
        self.lab = lab
        self.rounds = options.rounds
        self.sizes = options.sessions
        self.results = Results()

    @property
    def machine(self):
        return self.lab.machine

    def ratio(self, name, times, base):
        """Logs the ratios of the pairs, and returns them."""
        spread = Spread.ratio(times, base)
        medians = " and ".join(f"{Spread.of(values).median:.3f} s" for values in (times, base))
        self.lab.report.log(f"RATIO {name}: {spread.text()} (medians {medians}, "
                            f"{len(times)} rounds)")
        return spread

    @contextlib.contextmanager
    def without_managers(self):
        """Users who log on get no user manager, whose start and stop take longer than a session."""
        self.machine.run("systemctl mask --runtime user@.service; systemctl stop 'user@*.service'")
        yield
        self.machine.run("systemctl unmask --runtime user@.service")

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

    def session_logoff(self):
        """The round trip to the COMPLETE of a logoff that ends one session."""
        self.machine.open_session("pam", "alice")
        reply = logoff(self.machine).finish()
        same("the result and ended", (reply["hresult"], reply["ended"]), (S_OK, 1))
        return reply["round_trip_us"]

    def kvp_get(self):
        """GET of an item of the guest, which hv_kvp_daemon answers."""
        reply = self.machine.rpc("kvp_get", pool=KVP_POOL_GUEST, name="HvLogoffAnswer")
        same("the result", reply["hresult"], S_OK)
        return reply["round_trip_us"]

    def timesync(self):
        """A sample of the host's time, which the kernel answers alone."""
        return self.machine.rpc("timesync")["round_trip_us"]

    def query(self, request_id):
        return self.machine.rpc("query", id=request_id)["round_trip_us"]

    def query_by_socket(self, connection, request_id):
        """The guest knows the ids of all its requests, whichever way they came."""
        connection.operation(QUERY, request_id)
        same("the id", connection.next().id, request_id)

    def round_trips(self):
        """Round trips of QUERY and of a logoff of nobody, against GET by KVP and the heartbeat"""
        known = logoff(self.machine).finish()["id"]
        names = ("heartbeat", "timesync", "GET by KVP", "QUERY",
                 "a logoff of nobody, to the first PROGRESS", "a logoff of nobody, to the COMPLETE")
        measured = {name: [] for name in names}
        for _ in range(ROUND_TRIPS * self.rounds):
            values = (self.heartbeat(), self.timesync(), self.kvp_get(), self.query(known),
                      *self.empty_logoff())
            for name, value in zip(names, values):
                measured[name].append(value)
        heartbeat, _, get, _, ack, complete = measured.values()
        self.results.table(
            "Round trips of the component",
            ["round trip", "ms", "against the heartbeat", "against GET by KVP"],
            [[name, Spread.of(values).text(0.001), Spread.ratio(values, heartbeat).text(),
              Spread.ratio(values, get).text()] for name, values in measured.items()],
            f"{ROUND_TRIPS * self.rounds} rounds. hvhost measures them, from the packet that it "
            "sends to the one that it receives. The kernel answers the heartbeat and timesync "
            "alone, `hv_kvp_daemon` answers GET, and the driver QUERY. The first PROGRESS is that "
            "of a daemon that has the request.")
        in_gets, in_heartbeats = Spread.ratio(ack, get), Spread.ratio(ack, heartbeat)
        empty = Spread.ratio(complete, get)
        self.results.goals += [
            Goal("first PROGRESS: at most 0.5 of GET by KVP", 0.5, in_gets.median),
            Goal("first PROGRESS: at most 2 heartbeats", 2, in_heartbeats.median),
            Goal("a logoff of nobody: at most 2 times GET by KVP", 2, empty.median)]
        limits = dict(zip(names[-2:], (0.5, 2)))
        self.results.panels.append(Panel("Round trips, against GET by KVP", [
            (name.replace("a logoff of nobody, to the ", "nobody, to the "),
             Spread.ratio(values, get), limits.get(name))
            for name, values in measured.items() if values is not get]))

    # A logoff of one session by each transport.

    def by_vmlogoff(self, via):
        """The time that vmlogoff takes to log off one session."""
        self.machine.open_session("pam", "alice")
        command = [built(self.machine, "vmlogoff"), f"--via={via}", self.machine.name]
        return timed(lambda: subprocess.run(command, env=self.machine.environment, check=True,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            timeout=BOUND))

    def transports(self):
        """A logoff of one session by vmlogoff: by the component, by a socket, by KVP"""
        known = logoff(self.machine).finish()["id"]
        measured = {via: [] for via in TRANSPORTS}
        trips, gets = [], []
        with self.without_managers():
            for number in range(self.rounds):
                for via in list(TRANSPORTS)[::-1 if number % 2 else 1]:
                    measured[via].append(self.by_vmlogoff(via))
                trips.append(self.session_logoff())
                gets.append(self.kvp_get())
        base = measured["vmbus"]
        rows = [[f"vmlogoff by {name}", Spread.of(measured[via]).text(1000),
                 Spread.ratio(measured[via], base).text()] for via, name in TRANSPORTS.items()]
        rows.append(["the component's round trip alone", Spread.of(trips).text(0.001),
                     Spread.ratio([trip / 1e6 for trip in trips], base).text()])
        with contextlib.closing(Connection(self.machine)) as connection:
            pairs = [(timed(lambda: self.query(known)),
                      timed(lambda: self.query_by_socket(connection, int(known, 16))))
                     for _ in range(ROUND_TRIPS * self.rounds)]
        queries = Spread.of([by_socket / by_component for by_component, by_socket in pairs])
        self.results.table(
            "A logoff of one session", ["", "ms", "against vmlogoff by the component"], rows,
            f"{self.rounds} rounds, of a user without a user manager. The time of vmlogoff "
            "includes the start of the process. The round trip is from LOGOFF to COMPLETE: "
            f"{Spread.ratio(trips, gets).text()} times GET by KVP. QUERY by a socket takes "
            f"{queries.text()} of the time of QUERY of the component, both with the way to hvhost.")
        self.results.panels.append(Panel(
            "A logoff of one session by vmlogoff, against that by the component",
            [(f"by {TRANSPORTS[via]}", Spread.ratio(measured[via], base), None)
             for via in ("vsock", "kvp")]))

    # Logoffs of many sessions.

    def open_sessions(self, count):
        self.machine.run(f"users=({' '.join(USERS)}); for ((i = 0; i < {count}; i++)); do "
                         "open-session pam ${users[i % 3]} || exit; done >/dev/null",
                         timeout=BOUND + 3 * count)

    def processor_times(self):
        """The processor time in seconds that each of GROUPS has used."""
        text = self.machine.run("cd /sys/fs/cgroup; for group in "
                                f"{' '.join(GROUPS.values())}; do "
                                "read -r _ used <$group/cpu.stat; echo $used; done")
        return [int(used) / 1e6 for used in text.split()]

    def end_by_logoff(self, count):
        """The time of the logoff, and what part of it each of GROUPS used the processor."""
        self.open_sessions(count)
        before = self.processor_times()
        reply = logoff(self.machine, timeout=BOUND + count).finish()
        after = self.processor_times()
        same("the result and ended", (reply["hresult"], reply["ended"]), (S_OK, count))
        took = reply["round_trip_us"] / 1e6
        return took, [(now - then) / took for then, now in zip(before, after)]

    def end_by_loginctl(self, count):
        """The time until loginctl has returned, and until the last session is gone."""
        self.open_sessions(count)
        # Only built-in commands of the shell while the sessions end.
        text = self.machine.run(
            f"cd {SESSIONS}; ids=$(ls | grep -v ref); exec 9<> <(:);"
            "read -r began _ </proc/uptime; loginctl terminate-session $ids;"
            "read -r returned _ </proc/uptime;"
            "until [ \"$(echo *)\" = '*' ]; do read -r -t 0.05 -u 9; done;"
            "read -r gone _ </proc/uptime; echo $began $returned $gone", timeout=BOUND + count)
        began, returned, gone = map(float, text.split())
        return returned - began, gone - began

    def sessions(self):
        """Logoffs of many sessions, against loginctl terminate-session of as many"""
        rows, shares, medians, panel = [], [], {}, []
        for count in self.sizes:
            times, calls, gone = [], [], []
            rounds = (self.rounds if count < MANY else max(1, self.rounds // 2)
                      if count < VERY_MANY else 1)
            with self.without_managers():
                for number in range(rounds):
                    for ours in (True, False) if number % 2 else (False, True):
                        if ours:
                            took, parts = self.end_by_logoff(count)
                            times.append(took)
                            shares.append([count, *parts])
                        else:
                            call, until_gone = self.end_by_loginctl(count)
                            calls.append(call)
                            gone.append(until_gone)
            against = self.ratio(f"{count} sessions, against loginctl", times, gone)
            medians[count] = Spread.of(times).median
            rows.append([str(count), str(rounds), Spread.of(times).text(), Spread.of(gone).text(),
                         against.text(), Spread.ratio(times, calls).text()])
            panel.append((f"{count} sessions", against, 0.5))
            self.results.goals.append(Goal(
                f"{count} sessions: at most 0.5 of the time of `loginctl terminate-session`",
                0.5, against.median))
        self.results.table(
            "Logoffs of many sessions",
            ["sessions", "rounds", "logoff, s", "loginctl until all are gone, s", "ratio",
             "ratio to the call of loginctl alone"], rows,
            "Sessions of three users without user managers, opened through PAM. The logoff's time "
            "is the round trip to the COMPLETE. `loginctl terminate-session` gets all ids in one "
            "call, and returns before the last session is gone.")
        self.results.panels.append(Panel(
            "Logoffs of many sessions, against loginctl terminate-session", panel))
        self.report_shares(shares)
        first, last = min(medians), max(medians)
        if first != last:
            self.results.goals.append(Goal(
                f"{last} sessions: at most 1.1 of the time for each session with {first}", 1.1,
                medians[last] / last / (medians[first] / first)))

    def report_shares(self, shares):
        """Where the processor's time goes during the logoffs."""
        rows = []
        for count in self.sizes:
            columns = list(zip(*(parts for number, *parts in shares if number == count)))
            rows.append([str(count), *(Spread.of(column).text(100) for column in columns)])
            self.results.goals.append(Goal(
                f"{count} sessions: at most 5 % of the time is processor time of hv-logoffd", 5,
                100 * Spread.of(columns[0]).median))
        self.results.table(
            "Processor time during these logoffs", ["sessions", *(f"{name}, %" for name in GROUPS)],
            rows, "Percent of the logoff's time, of a guest with one processor. The rest is the "
            "sessions' own processes, the kernel's work for no service, and idle time.")

    # What an idle daemon costs, and its size.

    def wake_ups(self, seconds):
        """How often the daemon wakes up within that time: it has slept as often. The shell waits
        without a process of its own."""
        text = self.machine.run(
            f"pid=$(systemctl show -P MainPID {UNIT}); exec 9<> <(:); read -r -t 15 -u 9;"
            f"count() {{ grep ^voluntary_ctxt /proc/$pid/status; }}; count;"
            f"read -r -t {seconds} -u 9; count")
        before, after = map(int, re.findall(r"\d+", text))
        return after - before

    def pss(self, unit):
        """The memory of a daemon in KiB, with its part of shared pages."""
        return int(self.machine.run("awk '$1 == \"Pss:\" { print $2 }' "
                                    f"/proc/$(systemctl show -P MainPID {unit})/smaps_rollup"))

    def start_up(self, unit):
        """The seconds from the start of a daemon's process to its READY."""
        # They are printed in the order of systemd's own list.
        text = self.machine.run(f"systemctl restart {unit}; systemctl show --value {unit} -p "
                                "ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic")
        first, last = sorted(map(int, text.split()))
        return (last - first) / 1e6

    def module_size(self, file):
        """The bytes of code and constants in a module; see tests/kernel/size.sh."""
        listed = subprocess.run(["size", "-A", str(file)], check=True, stdout=subprocess.PIPE,
                                encoding="utf-8").stdout
        return sum(int(size) for size in re.findall(
            r"^\.(?:(?:init|exit)\.)?(?:text|rodata)\S*\s+(\d+)", listed, re.M))

    def idle(self):
        """Wake-ups and memory of the idle daemon, its start, and the size of the driver"""
        starts, logind = [], []
        for _ in range(self.rounds):
            starts.append(self.start_up(UNIT))
            logind.append(self.start_up("systemd-logind.service"))
        self.machine.wait("logoff", "negotiated")
        check_result(self.machine, logoff(self.machine).finish(), E_NO_SESSION)
        seconds = int(self.machine.run(WATCHDOG).split()[1]) // 1000000 // 2
        wake_ups = self.wake_ups(seconds)
        ours, theirs = self.pss(UNIT), self.pss("hv-kvp-daemon.service")
        self.results.table(
            "Idle, and sizes", ["", "hv-logoff", "beside it"],
            [[f"wake-ups in {seconds} s, half of WatchdogSec", str(wake_ups), ""],
             ["PSS after a logoff, KiB", str(ours), f"`hv_kvp_daemon`: {theirs}"],
             ["process start to READY, ms", Spread.of(starts).text(1000),
              f"`systemd-logind`: {Spread.of(logind).text(1000)}; ratio "
              f"{Spread.ratio(starts, logind).text()}"],
             self.modules()], "")
        self.results.goals += [
            Goal("idle: at most one wake-up in half of WatchdogSec", 1, wake_ups),
            Goal("PSS: at most 1024 KiB more than `hv_kvp_daemon`", 1024, ours - theirs)]

    def modules(self):
        folder = pathlib.Path(self.machine.hvhost).parent
        release = self.lab.kernel.parent / "modules/kernel/drivers/hv"
        with contextlib.ExitStack() as stack:
            theirs = release / "hv_utils.ko"
            if not theirs.exists():
                theirs = self.unpacked(stack, release / "hv_utils.ko.xz")
            sizes = [self.module_size(file) for file in
                     (folder / f"driver-{self.lab.kernel.parent.name.removeprefix('kernel-')}"
                      "/driver/hv_logoff.ko", theirs)]
        return ["module: code and constants, bytes", str(sizes[0]),
                f"`hv_utils`: {sizes[1]}; ratio {digits(sizes[0] / sizes[1])}"]

    def unpacked(self, stack, file):
        target = self.lab.folder / file.stem
        stack.callback(target.unlink)
        with target.open("wb") as out:
            subprocess.run(["xz", "-dc", str(file)], check=True, stdout=out)
        return target

    def host(self):
        """vmlogoff with 1, 10 and 100 simulated machines"""
        hosts.measure(pathlib.Path(self.machine.hvhost).parent, ROUND_TRIPS * self.rounds,
                      self.results)

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
        dry_run = self.ratio(f"a dry run with {CLOSING} sessions that have ended, against one "
                             "without", times, base)
        listed = self.ratio("logind's list by busctl, in the same states", raw, base_raw)
        check_result(self.machine, logoff(self.machine).finish(), S_OK)
        self.results.table(
            f"A list with {CLOSING} sessions that have ended",
            ["", "with, s", "without, s", "ratio"],
            [["a dry run", Spread.of(times).text(), Spread.of(base).text(), dry_run.text()],
             ["logind's list by `busctl`", Spread.of(raw).text(), Spread.of(base_raw).text(),
              listed.text()]],
            f"{self.rounds} rounds. The sessions are in state `closing` and have no scope: systemd "
            "252 keeps such sessions when logind was restarted at the wrong moment. No dry run can "
            "be faster than logind's list.")

    # A logoff of users without a manager.

    def logoff_time(self, old):
        switch_to(self.machine, old, daemon=old and DAEMON)
        for user in USERS:
            for kind in ("login", "pam"):
                self.machine.open_session(kind, user)

        def everyone():
            reply = logoff(self.machine).finish()
            same("the result and ended", (reply["hresult"], reply["ended"]), (S_OK, 6))

        return timed(everyone)

    def managers(self):
        """A logoff of users without a manager, against the daemon that does not stop managers"""
        copy_into_guest(self.machine, BEFORE, build_old(self.machine, BEFORE) / DAEMON)
        times, base = [], []
        with self.without_managers():
            for number in range(self.rounds):
                # The order changes, so that a drift of the machine's speed affects both.
                for old in (BEFORE, None) if number % 2 else (None, BEFORE):
                    (base if old else times).append(self.logoff_time(old))
            switch_to(self.machine)
        self.ratio("a logoff of six sessions without user managers, against the daemon that does "
                   "not stop managers", times, base)

    def where(self):
        """The commit, the machine, the kernel and the date."""
        guest = self.machine.run("uname -r; systemctl --version | head -n 1").splitlines()
        emulated = ("in a machine that QEMU emulates" if (self.machine.path / "outer.log").exists()
                    else "on KVM")
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=FOLDER, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                encoding="utf-8").stdout.strip()
        return (f"Measured on {datetime.date.today()} at {commit or 'a release'}, {emulated}: "
                f"guest with Linux {guest[0]}, {guest[1].split(' (')[0]} ({self.lab.release}), one "
                f"processor, {self.lab.memory[0]} MiB; host with {processor()}, load "
                f"{os.getloadavg()[2]:.0f}. Each figure is the median, with the minimum and "
                "maximum in parentheses.")

    def run(self, only):
        # For some hundreds of sessions.
        self.lab.memory = ("1792", self.lab.memory[1])
        whole = (self.round_trips, self.transports, self.sessions, self.closing, self.idle,
                 self.host)
        chosen = [measure for measure in (*whole, self.managers)
                  if measure.__name__ in only or not only and measure in whole]
        good = True
        for measure in chosen:
            self.lab.up()
            if not self.lab.report.run(measure.__doc__, measure):
                good = False
                self.lab.evidence()
                self.lab.close()
        if not good:
            return
        text = self.results.markdown(self.where())
        self.lab.report.log(text)
        if not only:
            replace_part(DOCS / "bench.md", text)
            (DOCS / "bench.svg").write_text(chart(self.results.panels), encoding="utf-8")


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement")
    parser.add_argument("--sessions", type=int, action="append",
                        help="how many are ended at once; several times for several numbers")
    parser.add_argument("only", nargs="*",
                        help="round_trips, transports, sessions, closing, idle, host, managers; "
                        "all but the last one if none is given")
    options = parser.parse_args()
    options.sessions = options.sessions or [30, 100]
    return run_suite(options, f"bench-{suite(options)}",
                     lambda lab: Bench(lab, options).run(options.only))


if __name__ == "__main__":
    sys.exit(main())
