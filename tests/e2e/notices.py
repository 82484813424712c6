# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices on terminals that logind does not know."""

from checks import (E_CANCELLED, S_OK, Cases, check_result, in_grace, logoff, same)
from user_managers import start, user_units
from versions import users_of

CASES = Cases()

MESSAGE = "This machine will be moved."


def add_terminal(machine, session, user, log):
    """Starts a process in the session whose controlling terminal logind does not know, as in
    sessions of sshd on Debian 13. What is written to the terminal is logged."""
    machine.run(f"install -o {user} /dev/null {log}; "
                f"group=$(systemctl show -P ControlGroup session-{session}.scope); "
                "sh -c 'echo $$ >/sys/fs/cgroup'$group'/cgroup.procs; "
                f"exec runuser -u {user} -- script -qefc \"echo ready; sleep infinity\" {log}' "
                "</dev/null >/dev/null 2>&1 &")
    machine.wait_run(f"grep -q ready {log}")
    same("the terminal in logind", machine.run(f"loginctl show-session -P TTY {session}").strip(),
         "")


def wait_for_notice(machine, shown, notice):
    """Waits for the notice in what the command `shown` prints: once."""
    machine.wait_run(f"{shown} | grep -q '{notice}'")
    same(f"notices in the output of {shown}",
         machine.run(f"{shown} | grep -c '{notice}'").strip(), "1")


@CASES.add
def notices(machine):
    """terminals that logind does not know, also below a user manager, get each notice once"""
    with user_units(machine):
        alice = machine.open_session("pam", "alice")
        add_terminal(machine, alice, "alice", "/run/terminal")
        machine.open_session("pam", "bob")
        start(machine, "bob", "pane")
        pane = machine.run("echo /run/user/$(id -u bob)/pane").strip()
        machine.wait_run(f"grep -q ready {pane}")
        machine.open_session("pam", "carol")
        request, request_id = in_grace(machine, message=MESSAGE)
        for log in ("/run/terminal", pane):
            wait_for_notice(machine, f"cat {log}", MESSAGE)
            wait_for_notice(machine, f"cat {log}", "You will be logged off in [0-9]* seconds")
        machine.rpc("cancel", id=request_id)
        check_result(machine, request.finish(), E_CANCELLED)
        for log in ("/run/terminal", pane):
            wait_for_notice(machine, f"cat {log}", "The logoff was cancelled.")
            machine.log(machine.run(f"cat {log}"))
        request = logoff(machine)
        reply = request.finish()
        check_result(machine, reply, S_OK)
        assert reply["text"].endswith(" Could not be notified: carol."), reply["text"]
        same("the users who were not notified",
             [user for outcome, user in users_of(request) if outcome == "untold"], ["carol"])
        wait_for_notice(machine, "cat /run/terminal", "You are being logged off now.")
