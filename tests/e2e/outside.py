# SPDX-License-Identifier: GPL-2.0-or-later
"""Users with processes that belong to no session: every result names them, and they stay."""

import contextlib

from checks import E_NO_SESSION, S_OK, Cases, check_result, logoff, same

CASES = Cases()

# As after a logon without pam_systemd: in a service that runs as root. The first has a terminal.
OUTSIDE = {
    "terminal": "script -qfc 'exec setpriv --reuid=alice --regid=alice --init-groups "
                "sleep infinity' /dev/null",
    "second": "setpriv --reuid=alice --regid=alice --init-groups sleep infinity",
    "system": "script -qfc 'exec setpriv --reuid=daemon --regid=daemon --clear-groups "
              "sleep infinity' /dev/null",
}

# A service of a user, a container, and a system user without a terminal.
OTHERS = {
    "service": "-p User=bob sleep infinity",
    "dynamic": "-p DynamicUser=yes sleep infinity",
    "container": "unshare --pid --fork setpriv --reuid=carol --regid=carol --init-groups "
                 "sleep infinity",
    "mail": "setpriv --reuid=mail --regid=mail --clear-groups sleep infinity",
}

NAMED = "Processes without a session: daemon (1), alice (2)."


@contextlib.contextmanager
def processes(machine, commands):
    """Runs the commands in services; all of them must still run at the end."""
    for name, command in commands.items():
        machine.run(f"systemd-run --quiet --collect --unit=outside-{name} {command}")
    list_them = "ps -eo unit:25,pid,user,tty,comm | grep -E '^outside-.* sleep$'"
    machine.wait_run(f"test $({list_them} | wc -l) -eq {len(commands)}")
    before = machine.run(list_them)
    machine.log(before)
    yield
    same("the processes after the requests", machine.run(list_them), before)
    machine.run("systemctl stop 'outside-*'")


@CASES.add
def outside(machine):
    """processes of users without a session are named by every result, and not ended"""
    with processes(machine, {**OUTSIDE, **OTHERS}):
        reply = logoff(machine).finish()
        check_result(machine, reply, E_NO_SESSION)
        assert reply["text"].endswith(NAMED), reply["text"]
        machine.open_session("pam", "bob")
        for options in ({"dry_run": True}, {}):
            reply = logoff(machine, **options).finish()
            check_result(machine, reply, S_OK)
            assert reply["text"].endswith(NAMED), reply["text"]
    assert not machine.sessions(), "a session is left"


@CASES.add
def outside_nobody(machine):
    """services with a user of their own, containers and login prompts are not named"""
    machine.run("systemctl start getty@tty1 || true")
    with processes(machine, OTHERS):
        reply = logoff(machine).finish()
        check_result(machine, reply, E_NO_SESSION)
        same("the text", reply["text"], "Nobody is logged on.")
    machine.run("systemctl stop getty@tty1")
