# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions that end in every way, while logind or the daemon is away as well."""

from checks import E_TIMED_OUT, S_OK, check_result, configure, logoff, same
from versions import ending, sessions_of, told, watch

CASES = []


def case(function):
    CASES.append(function)
    return function


def leader(session):
    return f"$(loginctl show-session -P Leader {session})"


def next_end(watcher):
    """The next one that is told, whatever else the watcher hears."""
    return told(watcher.until(lambda event: event["event"] == "session"))


def check_nothing_else(machine, watcher):
    """Nothing is told but the end of one more session."""
    last = machine.open_session("pam", "carol")
    machine.run(f"kill {leader(last)}")
    same("the next end", next_end(watcher), ending(last, "carol", "normal"))


@case
def ends_of_every_kind(machine):
    """a signal, loginctl's ways, an exempt user, and a program that a user leaves behind"""
    configure(machine, "ExemptUsers=alice")
    watcher = watch(machine)
    stays = machine.open_session("login", "alice")
    same("who would be logged off", logoff(machine, dry_run=True).finish()["found"], 0)
    for do, kind in (("kill -KILL " + leader("{}"), "normal"),
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
    machine.run(f"kill -HUP $(pgrep -P {leader(stays)})")
    same("the exempt user's end", next_end(watcher), ending(stays, "alice", "normal"))
    closing = machine.open_session("pam", "bob")
    machine.run(f"sleep infinity & echo $! >/sys/fs/cgroup/$(loginctl show-session -P Scope {closing}"
                " | xargs systemctl show -P ControlGroup)/cgroup.procs;"
                f"echo $! >/run/left; kill {leader(closing)}")
    check_nothing_else(machine, watcher)
    machine.run("kill $(cat /run/left)")
    same("the end of what was left", next_end(watcher), ending(closing, "bob", "normal"))
    configure(machine)


@case
def end_after_the_deadline(machine):
    """a session that is given up is told of as failed, and as ended by the host when it is gone"""
    watcher = watch(machine)
    stays = machine.open_session("stubborn", "carol")
    configure(machine, "EscalateSec=3600")
    request = logoff(machine, timeout=10)
    reply = request.finish()
    check_result(machine, reply, E_TIMED_OUT)
    failed = ending(stays, "carol", None, reply["id"], "failed")
    same("what the logoff's client was told", sessions_of(request), [failed])
    same("what the watcher was told", next_end(watcher), failed)
    machine.run(f"loginctl kill-session --signal=KILL {stays}")
    same("the end", next_end(watcher), ending(stays, "carol", "external"))
    configure(machine)


@case
def ends_over_restarts(machine):
    """logind away, and another daemon by now: each end is told once"""
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


@case
def ends_under_two_daemons(machine):
    """a daemon that is killed while sessions end, and the next: each end is told once"""
    gone = machine.open_session("pam", "alice")
    stays = machine.open_session("stubborn", "carol")
    request = logoff(machine, timeout=250)
    event = request.until(lambda event: event["event"] == "progress" and event["ended"] == 1)
    machine.run("systemctl kill -s KILL hv-logoffd")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("what was told", sessions_of(request),
         sorted((ending(gone, "alice", "external", event["id"]),
                 ending(stays, "carol", "external", event["id"])),
                key=lambda end: end["session"]))
