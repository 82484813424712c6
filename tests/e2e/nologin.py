# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests that keep users from logging on while they are in progress (pam_nologin)."""

import contextlib

from checks import (DISP_E_EXCEPTION, E_CANCELLED, S_OK, Cases, check_result, daemon_pid, in_grace,
                    logoff, same, until)

CASES = Cases()

FILE = "/run/nologin"
TEXT = "Maintenance until noon."
CONTENT = (f"{TEXT}\n"
           "hv-logoffd: logons are disabled until the host's logoff request has completed.\n")


@contextlib.contextmanager
def drop_in(machine, *lines):
    """Changes the daemon's unit. The daemon is not restarted before the end."""
    folder = "/run/systemd/system/hv-logoffd.service.d"
    text = "\\n".join(["[Service]", *lines, ""])
    machine.run(f"mkdir -p {folder}; printf '{text}' >{folder}/test.conf; systemctl daemon-reload")
    yield
    machine.run(f"rm -r {folder}; systemctl daemon-reload; systemctl restart hv-logoffd")


def without_logins(machine):
    """Sends a request and waits for its grace period, which does not end by itself in a test."""
    return in_grace(machine, grace=1000, no_logins=True, message=TEXT)


def check_absent(machine):
    machine.run(f"! test -e {FILE}")


def check_cancelled(machine, request, request_id):
    machine.rpc("cancel", id=request_id)
    check_result(machine, request.finish(), E_CANCELLED)


def inode(machine):
    return machine.run(f"stat -c %i {FILE}").strip()


@CASES.add
def no_logins(machine):
    """users are refused with the message until the request is cancelled or complete, root is not"""
    machine.open_session("pam", "alice")
    request, request_id = without_logins(machine)
    same("the file", machine.run(f"cat {FILE}"), CONTENT)
    same("its mode and owner", machine.run(f"stat -c '%a %U' {FILE}").strip(), "644 root")
    refused = machine.run("! open-session pam bob")
    assert TEXT in refused, refused
    machine.run("open-session pam root")
    check_cancelled(machine, request, request_id)
    check_absent(machine)
    machine.open_session("pam", "bob")
    reply = logoff(machine, no_logins=True).finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (3, 3))
    check_absent(machine)


@CASES.add
def no_logins_daemon_killed(machine):
    """the daemon is killed: /run/nologin is removed, and made again by the next daemon"""
    machine.open_session("pam", "alice")
    request, request_id = without_logins(machine)
    first, before = inode(machine), daemon_pid(machine)
    machine.run("systemctl kill -s KILL hv-logoffd")
    until("another daemon", lambda: daemon_pid(machine) not in (before, "0"))
    machine.wait_run(f"test -e {FILE} && test $(stat -c %i {FILE}) != {first}")
    with drop_in(machine, "Restart=no"):
        machine.run("systemctl kill -s KILL hv-logoffd")
        machine.wait_run("systemctl -q is-failed hv-logoffd")
        check_absent(machine)
        machine.run("systemctl start hv-logoffd")
        machine.wait_run(f"test -e {FILE}")
        same("the file", machine.run(f"cat {FILE}"), CONTENT)
        check_cancelled(machine, request, request_id)
    check_absent(machine)
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def no_logins_other_file(machine):
    """a /run/nologin that is there, or replaces the daemon's, stays as it is"""
    machine.open_session("pam", "alice")
    for replace in (False, True):
        if not replace:
            machine.run(f"echo Closed. >{FILE}")
        request, request_id = without_logins(machine)
        if replace:
            machine.run(f"echo Closed. >{FILE}.new; mv {FILE}.new {FILE}")
        other = inode(machine)
        refused = machine.run("! open-session pam bob")
        assert "Closed." in refused, refused
        check_cancelled(machine, request, request_id)
        same("the file", (machine.run(f"cat {FILE}"), inode(machine)), ("Closed.\n", other))
        machine.run(f"rm {FILE}")
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def no_logins_dry_run(machine):
    """a dry run creates no file"""
    machine.open_session("pam", "alice")
    before = machine.run("stat -c %y /run")
    check_result(machine, logoff(machine, no_logins=True, dry_run=True).finish(), S_OK)
    same("the last change of /run", machine.run("stat -c %y /run"), before)
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def no_logins_impossible(machine):
    """/run/nologin cannot be created: the request fails, and nobody is logged off"""
    stays = machine.open_session("pam", "alice")
    with drop_in(machine, "ReadWritePaths=", "ReadWritePaths=/var/lib", "ReadOnlyPaths=/run"):
        machine.run("systemctl restart hv-logoffd")
        machine.wait("logoff", "negotiated")
        reply = logoff(machine, no_logins=True).finish()
        check_result(machine, reply, DISP_E_EXCEPTION)
        assert "Read-only file system" in reply["text"], reply["text"]
        same("sessions", machine.sessions(), [stays])
    machine.wait("logoff", "negotiated")
    check_result(machine, logoff(machine).finish(), S_OK)
