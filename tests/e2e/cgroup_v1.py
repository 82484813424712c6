# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with control groups of version 1: legacy, where systemd has no others, and hybrid, where
it also has version 2. A process that the freezer of version 1 has frozen receives no signal, not
even SIGKILL."""

from checks import S_OK, Cases, check_result, configure, logoff, same
from user_managers import check_nothing_runs, start, user_units

LEGACY = Cases()
HYBRID = Cases()

FREEZER = "/sys/fs/cgroup/freezer/frozen"
# A process in the scope of $session that records SIGTERM; if $stubborn, only that it received it.
RECORDER = r"""
rm -f /run/ready /run/received
sh -c 'trap : HUP; trap "echo TERM >/run/received; test $stubborn || exit" TERM; touch /run/ready
while :; do sleep 0.1; done' >/dev/null 2>&1 &
echo $! >/run/recorder
scope=$(systemctl show -P ControlGroup session-$session.scope)
for tree in systemd unified; do
    group=/sys/fs/cgroup/$tree$scope
    test -d $group || continue
    mkdir -p $group/nested
    echo $! >$group/nested/cgroup.procs
done
until test -e /run/ready; do sleep 0.1; done
"""


def record(machine, session, stubborn=""):
    """Starts a process below the session's scope."""
    machine.run(f"export session={session} stubborn={stubborn};" + RECORDER)
    return machine.run("cat /run/recorder").strip()


def freeze(machine, *pids):
    machine.run(f"mkdir -p {FREEZER}; for pid in {' '.join(pids)}; do"
                f" echo $pid >{FREEZER}/cgroup.procs; done; echo FROZEN >{FREEZER}/freezer.state;"
                f"until grep -q FROZEN {FREEZER}/freezer.state; do sleep 0.1; done")


def remove_freezer(machine):
    machine.run(f"echo THAWED >{FREEZER}/freezer.state; kill -KILL $(cat {FREEZER}/cgroup.procs);"
                f"until rmdir {FREEZER}; do sleep 0.1; done")


def check_frozen_session(machine):
    """A frozen process of a session is asked to leave; others in the same group stay frozen."""
    session = machine.open_session("pam", "alice")
    other = machine.run("sleep infinity >/dev/null 2>&1 & echo $!").strip()
    freeze(machine, record(machine, session), other)
    check_result(machine, logoff(machine).finish(), S_OK)
    same("received", machine.run("cat /run/received || true").strip(), "TERM")
    same("the group", machine.run(f"cat {FREEZER}/freezer.state").strip(), "FROZEN")
    same("the processes left in the group", machine.run(f"cat {FREEZER}/cgroup.procs").strip(),
         other)
    remove_freezer(machine)


def check_frozen_program(machine):
    """A frozen program of a user manager ends with it."""
    with user_units(machine):
        machine.open_session("pam", "alice")
        pid = start(machine, "alice", "app")
        other = machine.run("sleep infinity >/dev/null 2>&1 & echo $!").strip()
        freeze(machine, pid, other)
        check_result(machine, logoff(machine).finish(), S_OK)
        check_nothing_runs(machine, "alice", pid)
        remove_freezer(machine)


@LEGACY.add
def legacy_layout(machine):
    """cgroup v1: a process in a group below the session's scope receives SIGTERM"""
    same("the layout", machine.run("stat -f -c %T /sys/fs/cgroup; ls -d /sys/fs/cgroup/unified"
                                   " 2>/dev/null || true").strip(), "tmpfs")
    record(machine, machine.open_session("pam", "alice"))
    check_result(machine, logoff(machine).finish(), S_OK)
    same("received", machine.run("cat /run/received || true").strip(), "TERM")


@LEGACY.add
def legacy_frozen(machine):
    """cgroup v1: a frozen process receives SIGTERM; another one in its group stays frozen"""
    check_frozen_session(machine)


@LEGACY.add
def legacy_frozen_force(machine):
    """cgroup v1: FORCE kills a frozen process that ignores SIGTERM"""
    configure(machine, "EscalateSec=3600")
    session = machine.open_session("pam", "alice")
    pid = record(machine, session, "yes")
    freeze(machine, pid, machine.run("sleep infinity >/dev/null 2>&1 & echo $!").strip())
    check_result(machine, logoff(machine, force=True).finish(), S_OK)
    same("the process", machine.run(f"kill -0 {pid} 2>/dev/null && echo runs || true").strip(), "")
    remove_freezer(machine)
    configure(machine)


@LEGACY.add
def legacy_frozen_program(machine):
    """cgroup v1: a frozen program in user@.service has ended before S_OK"""
    check_frozen_program(machine)


@HYBRID.add
def hybrid_frozen(machine):
    """cgroup v1 and v2: a frozen process receives SIGTERM; another one in its group stays frozen"""
    same("version 2", machine.run("stat -f -c %T /sys/fs/cgroup/unified").strip(), "cgroup2fs")
    check_frozen_session(machine)


@HYBRID.add
def hybrid_frozen_program(machine):
    """cgroup v1 and v2: a frozen program in user@.service has ended before S_OK"""
    check_frozen_program(machine)
