# SPDX-License-Identifier: GPL-2.0-or-later
"""Users who log on while a request runs, users whom a getty logs on again, and lingering users."""

import contextlib

from checks import (E_NO_SESSION, S_OK, USER_MESSAGE_ID, Cases, audited, check_result, configure,
                    logoff, same)
from user_managers import check_nothing_runs, manager_state, runs, start, user_units
from versions import users_of

CASES = Cases()


@contextlib.contextmanager
def autologin(machine, user, terminal, wait=True):
    """A getty that logs the user on, and again whenever that session ends; yields a function that
    returns the ids of the user's sessions on this terminal."""
    def sessions():
        lines = machine.run("loginctl list-sessions --no-legend --no-pager").splitlines()
        return [line.split()[0] for line in lines if user in line.split() and terminal in line]

    machine.run("systemd-run --quiet --unit=autologin -p Restart=always -p RestartSec=0 "
                f"/sbin/agetty --autologin {user} --noclear --local-line {terminal} linux")
    if wait:
        machine.wait_run(f"loginctl list-sessions --no-legend --no-pager | grep -q {terminal}")
    yield sessions
    machine.run("systemctl stop autologin; loginctl terminate-user " + user, check=False)


@contextlib.contextmanager
def stuck(machine, timeout=250, escalate=3600):
    """A logoff that has ended all sessions but carol's, which ends after the context."""
    configure(machine, f"EscalateSec={escalate}")
    session = machine.open_session("stubborn", "carol")
    request = logoff(machine, timeout=timeout)
    request.until(lambda event: event.get("state") == "ending")
    yield request
    machine.run(f"loginctl kill-session --signal=KILL {session}")


def check_return(machine, terminal):
    with autologin(machine, "alice", terminal) as sessions:
        first = sessions()
        same(f"the number of sessions on {terminal}", len(first), 1)
        with stuck(machine) as request:
            machine.wait_run(f"test ! -e /run/systemd/sessions/{first[0]} && "
                             f"loginctl list-sessions --no-legend --no-pager | grep -q {terminal}")
            second = sessions()
            same("the number of sessions after the return", len(second), 1)
        reply = request.finish()
        check_result(machine, reply, S_OK)
        same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (2, 2, 0))
        assert reply["text"].endswith(" Returned: alice."), reply["text"]
        assert ("returned", "alice") in users_of(request), users_of(request)
        same("the sessions after the result", sessions(), second)
        same("starts of the getty after the first one",
             machine.run("systemctl show -P NRestarts autologin").strip(), "1")
        same("the manager of the user", manager_state(machine, "alice"), "active")
        assert first[0] in audited(machine, reply["id"])
        assert second[0] in audited(machine, reply["id"], USER_MESSAGE_ID)
    configure(machine)


@CASES.add
def returns_at_terminal(machine):
    """a getty logs a user on again at ttyS0: ended once, S_OK, and reported as returned"""
    check_return(machine, "ttyS0")


@CASES.add
def returns_at_seat(machine):
    """a getty logs a user on again at tty1, which belongs to seat0: the same"""
    check_return(machine, "tty1")


@CASES.add
def logon_while_ending(machine):
    """a user logs on while another session is stuck: told, ended and counted"""
    # The session may be found before the shell runs, which receives only SIGKILL then.
    with stuck(machine, escalate=100) as request:
        machine.run("mkfifo /run/input; sleep infinity >/run/input & "
                    "script -qefc 'login -f bob' /run/bob.log </run/input &")
        machine.wait_run("grep -q 'You are being logged off now' /run/bob.log")
    machine.wait_run("! pgrep script")
    machine.run("pkill -f '[s]leep infinity'; rm /run/input")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (2, 2, 0))
    shown = machine.run("cat /run/bob.log")
    assert "You are being logged off now." in shown, shown
    configure(machine)


@CASES.add
def lingering_users(machine):
    """lingering users with and without a session: their programs end only if the request says so"""
    with user_units(machine):
        machine.run("loginctl enable-linger alice bob")
        machine.open_session("pam", "alice")
        programs = {user: start(machine, user, "app") for user in ("alice", "bob")}
        reply = logoff(machine).finish()
        check_result(machine, reply, S_OK)
        assert reply["text"].endswith("lingering users still run: alice."), reply["text"]
        check_result(machine, logoff(machine).finish(), E_NO_SESSION)
        assert all(runs(machine, pid) for pid in programs.values()), "a program has ended"
        configure(machine, "ExemptUsers=bob")
        reply = logoff(machine, dry_run=True, include_lingering=True).finish()
        check_result(machine, reply, S_OK)
        assert "would be ended: alice." in reply["text"], reply["text"]
        assert all(runs(machine, pid) for pid in programs.values()), "a dry run ended a program"
        configure(machine)
        request = logoff(machine, include_lingering=True)
        reply = request.finish()
        check_result(machine, reply, S_OK)
        same("the outcomes of users", sorted(users_of(request)),
             [("manager-ended", "alice"), ("manager-ended", "bob")])
        same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (0, 0, 0))
        for user, pid in programs.items():
            check_nothing_runs(machine, user, pid)
            machine.run(f"test -e /var/lib/systemd/linger/{user}")
        machine.open_session("pam", "alice")
        same("the manager after a logon", manager_state(machine, "alice"), "active")
        pid = start(machine, "alice", "app")
        same("the manager without a logon", manager_state(machine, "bob"), "inactive")
        configure(machine, "IncludeLingering=yes")
        reply = logoff(machine).finish()
        check_result(machine, reply, S_OK)
        check_nothing_runs(machine, "alice", pid)
        machine.run("loginctl disable-linger alice bob")
        configure(machine)
