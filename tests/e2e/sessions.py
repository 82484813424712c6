# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions that end in different ways, including while logind or the daemon is not running."""

from checks import (E_TIMED_OUT, S_OK, Cases, check_result, configure, hang_up, leader, logoff,
                    same)
from versions import OUTCOMES, ending, report, reports_of, watch

CASES = Cases()


def next_end(watcher):
    """The next session that the watcher is notified of; skips other events."""
    return report(watcher.until(lambda event: event["event"] == "session"
                                and event["outcome"] in OUTCOMES))


def check_nothing_else(machine, watcher):
    """The next session reported is one that is opened and ended now."""
    last = machine.open_session("pam", "carol")
    machine.run(f"kill {leader(last)}")
    same("the next end", next_end(watcher), ending(last, "carol", "normal"))


@CASES.add
def session_end_kinds(machine):
    """signals, loginctl, systemctl, an exempt user, a process left behind: the right kind each"""
    configure(machine, "ExemptUsers=alice")
    watcher = watch(machine)
    stays = machine.open_session("login", "alice")
    same("the number of sessions selected", logoff(machine, dry_run=True).finish()["found"], 0)
    # util-linux's login, which Debian 13 uses, leaves its shell in a session of its own.
    killed = f"kill -KILL {leader('{0}')} $(pgrep -P {leader('{0}')})"
    for do, kind in ((killed, "normal"),
                     ("loginctl kill-session --signal=KILL {}", "normal"),
                     ("loginctl terminate-session {}", "forced"),
                     ("systemctl stop session-{}.scope", "forced")):
        session = machine.open_session("login", "bob")
        machine.run(do.format(session))
        same(f"the end by {do}", next_end(watcher), ending(session, "bob", kind))
    both = sorted(machine.open_session("pam", "bob") for _ in range(2))
    machine.run("loginctl terminate-user bob")
    same("the ends by terminate-user", sorted((next_end(watcher) for _ in both),
                                              key=lambda end: end["session"]),
         [ending(session, "bob", "forced") for session in both])
    hang_up(machine, stays)
    same("the exempt user's end", next_end(watcher), ending(stays, "alice", "normal"))
    closing = machine.open_session("pam", "bob")
    machine.run("sleep infinity & echo $! >/sys/fs/cgroup/$("
                f"loginctl show-session -P Scope {closing} | xargs systemctl show -P ControlGroup"
                ")/cgroup.procs;"
                f"echo $! >/run/left; kill {leader(closing)}")
    check_nothing_else(machine, watcher)
    machine.run("kill $(cat /run/left)")
    same("the end of the closing session", next_end(watcher), ending(closing, "bob", "normal"))
    configure(machine)


@CASES.add
def session_end_after_timeout(machine):
    """a session that outlasts the timeout is reported as failed, and later as ended by the host"""
    watcher = watch(machine)
    stays = machine.open_session("stubborn", "carol")
    configure(machine, "EscalateSec=3600")
    request = logoff(machine, timeout=10)
    reply = request.finish()
    check_result(machine, reply, E_TIMED_OUT)
    failed = ending(stays, "carol", None, reply["id"], "failed")
    same("the reports to the client", reports_of(request), [failed])
    same("the report to the watcher", next_end(watcher), failed)
    machine.run(f"loginctl kill-session --signal=KILL {stays}")
    same("the end", next_end(watcher), ending(stays, "carol", "external"))
    configure(machine)


@CASES.add
def session_end_across_restarts(machine):
    """logind is stopped, or the daemon restarted: each session end is reported once"""
    watcher = watch(machine)
    first = machine.open_session("login", "alice")
    second = machine.open_session("pam", "bob")
    machine.run("systemctl stop systemd-logind; kill -KILL $(pgrep -x login) $(pgrep -u alice);"
                "systemctl start systemd-logind")
    same("the end without logind", next_end(watcher), ending(first, "alice", "normal"))
    machine.run("systemctl restart hv-logoffd")
    machine.wait("logoff", "negotiated")
    machine.run(f"loginctl terminate-session {second}")
    same("the end under a new daemon", next_end(watcher), ending(second, "bob", "forced"))
    check_nothing_else(machine, watcher)


@CASES.add
def session_end_across_crash(machine):
    """the daemon is killed while it ends sessions: each session end is reported once"""
    gone = machine.open_session("pam", "alice")
    stays = machine.open_session("stubborn", "carol")
    request = logoff(machine, timeout=250)
    event = request.until(lambda event: event["event"] == "progress" and event["ended"] == 1)
    machine.run("systemctl kill -s KILL hv-logoffd")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("the reports", reports_of(request),
         sorted((ending(gone, "alice", "external", event["id"]),
                 ending(stays, "carol", "external", event["id"])),
                key=lambda end: end["session"]))
