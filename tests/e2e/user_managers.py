# SPDX-License-Identifier: GPL-2.0-or-later
"""User managers and their programs, which end with the last session of their user, and processes
that are left in a session's control groups."""

import contextlib

from checks import (E_NO_SESSION, E_TIMED_OUT, S_OK, Cases, check_result, configure, leader,
                    logoff, same)

CASES = Cases()

STUBBORN = "trap \"\" TERM HUP; while :; do sleep 1; done"


@contextlib.contextmanager
def user_units(machine):
    """Installs user units, like the programs of a desktop, for user managers that start later."""
    units = {"app": "/bin/sleep infinity", "stubborn": f"/bin/sh -c '{STUBBORN}'",
             "pane": "/usr/bin/script -qefc 'echo ready; sleep infinity' %t/pane"}
    for name, command in units.items():
        machine.run(f"mkdir -p /run/systemd/user; cat >/run/systemd/user/{name}.service <<'END'\n"
                    f"[Service]\nExecStart={command}\nEND")
    yield
    machine.run("rm /run/systemd/user/*.service")


def systemctl(user):
    return (f"runuser -u {user} -- env XDG_RUNTIME_DIR=/run/user/$(id -u {user}) "
            "systemctl --user")


def start(machine, user, unit):
    """Starts a unit in the user's manager, outside of all sessions; returns its main PID."""
    machine.wait_run(f"{systemctl(user)} start {unit}")
    return machine.run(f"{systemctl(user)} show -P MainPID {unit}").strip()


def runs(machine, pid):
    return machine.run(f"kill -0 {pid} 2>/dev/null && echo yes || true").strip() == "yes"


def manager_state(machine, user):
    return machine.run(f"systemctl is-active user@$(id -u {user}) || true").strip()


def check_nothing_runs(machine, user, pid):
    assert not runs(machine, pid), "a program still runs after S_OK"
    same("processes of the user", machine.run(f"pgrep -u {user} || true").strip(), "")
    same("the manager", manager_state(machine, user), "inactive")
    same("failed units", machine.run("systemctl --failed --no-legend --plain").strip(), "")


@CASES.add
def user_manager(machine):
    """a program in user@.service has ended before S_OK; the next logon has a working manager"""
    with user_units(machine):
        machine.open_session("pam", "alice")
        machine.open_session("login", "bob")
        pid = start(machine, "alice", "app")
        reply = logoff(machine).finish()
        check_result(machine, reply, S_OK)
        same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (2, 2, 0))
        check_nothing_runs(machine, "alice", pid)
        machine.open_session("pam", "alice")
        same("the next manager", manager_state(machine, "alice"), "active")
        same("its state", machine.run(f"{systemctl('alice')} is-system-running --wait || true")
             .strip(), "running")
        start(machine, "alice", "app")
        check_result(machine, logoff(machine, force=True).finish(), S_OK)
        check_nothing_runs(machine, "alice", pid)


@CASES.add
def user_manager_stubborn(machine):
    """a program in user@.service ignores SIGTERM: VM_E_TIMED_OUT, or killed after EscalateSec"""
    with user_units(machine):
        configure(machine, "EscalateSec=3600")
        machine.open_session("pam", "alice")
        pid = start(machine, "alice", "stubborn")
        reply = logoff(machine, timeout=20).finish()
        check_result(machine, reply, E_TIMED_OUT)
        same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (1, 1, 0))
        assert "alice" in reply["text"], reply["text"]
        assert runs(machine, pid), "the program has ended"
        machine.run(f"kill -KILL {pid}")
        machine.wait_run("test $(systemctl is-active user@$(id -u alice)) = inactive")
        configure(machine)
        machine.open_session("pam", "alice")
        pid = start(machine, "alice", "stubborn")
        check_result(machine, logoff(machine).finish(), S_OK)
        check_nothing_runs(machine, "alice", pid)


@CASES.add
def user_manager_stays(machine):
    """a user with another session and a lingering user keep their managers"""
    with user_units(machine):
        ended = machine.open_session("pam", "alice")
        machine.open_session("pam", "alice")
        pid = start(machine, "alice", "app")
        check_result(machine, logoff(machine, session=ended).finish(), S_OK)
        assert runs(machine, pid), "a program of a user who is still logged on has ended"
        machine.run("loginctl enable-linger bob")
        machine.open_session("pam", "bob")
        lingering = start(machine, "bob", "app")
        reply = logoff(machine).finish()
        check_result(machine, reply, S_OK)
        assert not runs(machine, pid), "a program still runs after S_OK"
        assert runs(machine, lingering), "a program of a lingering user has ended"
        assert reply["text"].endswith("still run: bob."), reply["text"]
        machine.run("loginctl disable-linger bob; systemctl stop user@$(id -u bob)")


@CASES.add
def nested_groups(machine):
    """a process in a frozen cgroup below the session's scope receives SIGTERM before SIGKILL"""
    session = machine.open_session("pam", "alice")
    machine.run("group=/sys/fs/cgroup$(systemctl show -P ControlGroup "
                f"session-{session}.scope)/nested; mkdir $group; rm -f /run/received /run/ready;"
                "sh -c 'trap : HUP; trap \"echo TERM >/run/received; exit\" TERM;"
                "touch /run/ready; while :; do sleep 0.1; done' >/dev/null 2>&1 &"
                "echo $! >$group/cgroup.procs; until test -e /run/ready; do sleep 0.1; done;"
                "echo 1 >$group/cgroup.freeze")
    check_result(machine, logoff(machine).finish(), S_OK)
    same("received", machine.run("cat /run/received").strip(), "TERM")


@CASES.add
def sessions_without_scope(machine):
    """a session without a scope, which logind still lists after its restart, is ignored"""
    session = machine.open_session("pam", "alice")
    group = machine.run(f"systemctl show -P ControlGroup session-{session}.scope").strip()
    machine.run(f"sleep infinity >/dev/null 2>&1 & echo $! >/run/left; "
                f"cat /run/left >/sys/fs/cgroup{group}/cgroup.procs; kill {leader(session)}")
    machine.wait_run(f"grep -q STATE=closing /run/systemd/sessions/{session}")
    machine.run("systemctl restart systemd-logind; kill $(cat /run/left)")
    machine.wait_run(f"! test -e /sys/fs/cgroup{group}")
    same("the sessions that logind lists", machine.sessions(), [session])
    check_result(machine, logoff(machine, dry_run=True).finish(), E_NO_SESSION)
    check_result(machine, logoff(machine).finish(), E_NO_SESSION)
    machine.run(f"systemctl stop systemd-logind; rm /run/systemd/sessions/{session};"
                "systemctl start systemd-logind")
