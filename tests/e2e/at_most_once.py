# SPDX-License-Identifier: GPL-2.0-or-later
"""A request of the component is carried out at most once while the guest runs, and a journal that
cannot be written concerns one transport only. See "At most once" in docs/kvp.md."""

import contextlib

import kvp_logoff
from checks import (DISP_E_EXCEPTION, E_CANCELLED, E_NO_SESSION, S_OK, Cases, audited, check_result,
                    configure, in_grace, logoff, same)

DEVICE_STATE, KVP_STATE = "/run/hv-logoff", "/var/lib/hv-logoff"

CASES = Cases()


def reload_module(machine):
    """Afterwards the driver knows no earlier request."""
    machine.run("systemctl stop hv-logoffd; rmmod hv_logoff; modprobe hv_logoff")
    machine.wait("logoff", "negotiated")


def restart_daemon(machine):
    machine.run("systemctl restart hv-logoffd")
    machine.wait("logoff", "negotiated")


def check_replayed(machine, request_id, hresult, text):
    """The host sends the request again, and gets its old result."""
    reply = logoff(machine, id=request_id).finish()
    check_result(machine, reply, hresult)
    same("the mark and the text", (reply["replay"], reply["text"]), (True, text))
    return reply


@CASES.add
def repeated_after_reload(machine):
    """the same ids after a reload of the module: the old results, and nobody is logged off"""
    nobody = logoff(machine, id="0x5e55105000000010").finish()
    check_result(machine, nobody, E_NO_SESSION)
    session = machine.open_session("login", "alice")
    done = logoff(machine, id="0x5e55105000000011").finish()
    check_result(machine, done, S_OK)
    same("the mark", done["replay"], False)
    reload_module(machine)
    later = machine.open_session("login", "bob")
    reply = check_replayed(machine, done["id"], S_OK, done["text"])
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (1, 1, 0))
    check_replayed(machine, nobody["id"], E_NO_SESSION, nobody["text"])
    restart_daemon(machine)
    check_replayed(machine, done["id"], S_OK, done["text"])
    same("the sessions after", machine.sessions(), [later])
    machine.run(f"! grep 'logged off' /run/open-session/{later}")
    same("the sessions in the journal", audited(machine, done["id"]), {session})
    check_result(machine, logoff(machine).finish(), S_OK)


def interrupt(machine):
    """Kills the daemon and reloads the module, so that the driver does not know the request."""
    machine.run("systemctl mask --runtime hv-logoffd; systemctl kill -s KILL hv-logoffd;"
                "until rmmod hv_logoff 2>/dev/null; do sleep 0.1; done;"
                "systemctl unmask --runtime hv-logoffd; modprobe hv_logoff")
    machine.wait("logoff", "negotiated")


@CASES.add
def cancelled_after_reload(machine):
    """the daemon is killed in the grace period, with or without an unread CANCEL, and the module
    reloaded: ERROR_CANCELLED for the same id"""
    session = machine.open_session("pam", "alice")
    request, cancelled = in_grace(machine)
    machine.run("systemctl kill -s STOP hv-logoffd")
    same("the reply to CANCEL", machine.send("cancel", id=cancelled).finish()["hresult"], S_OK)
    interrupt(machine)
    check_result(machine, request.finish(), E_CANCELLED)
    request, interrupted = in_grace(machine)
    interrupt(machine)
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    for request_id in (cancelled, interrupted):
        reply = logoff(machine, id=request_id).finish()
        check_result(machine, reply, E_CANCELLED)
        same("the mark", reply["replay"], True)
    same("the sessions", machine.sessions(), [session])
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def continued_after_reload(machine):
    """the daemon is killed while sessions are being ended and the module reloaded: the same id
    continues the request"""
    configure(machine, "EscalateSec=3600")
    machine.wait("logoff", "negotiated")
    session = machine.open_session("stubborn", "carol")
    request = logoff(machine)
    request_id = request.until(lambda event: event.get("state") == "ending")["id"]
    interrupt(machine)
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    same("the sessions before", machine.sessions(), [session])
    request = logoff(machine, id=request_id)
    request.until(lambda event: event.get("state") == "ending")
    scope = f"/sys/fs/cgroup/user.slice/*/session-{session}.scope"
    machine.run(f"kill -KILL $(cat {scope}/cgroup.procs)")
    reply = request.finish()
    configure(machine)
    machine.wait("logoff", "negotiated")
    check_result(machine, reply, S_OK)
    same("found, ended, replay", (reply["found"], reply["ended"], reply["replay"]), (1, 1, False))
    same("the sessions after", machine.sessions(), [])
    machine.run("journalctl --sync; journalctl -q --no-pager HV_LOGOFF_OUTCOME=redelivered "
                f"HV_LOGOFF_REQUEST_ID=0x{int(request_id, 16):016x} | grep -q .")
    reload_module(machine)
    check_replayed(machine, request_id, S_OK, reply["text"])


@contextlib.contextmanager
def full(machine, folder):
    """The folder is in a file system without a free block while a new daemon runs."""
    machine.run(f"mkdir -p {folder}; mount -t tmpfs -o size=4k,mode=700 tmpfs {folder};"
                f"! head -c 1M /dev/zero >{folder}/fill")
    restart_daemon(machine)
    yield
    machine.run(f"systemctl stop hv-logoffd; umount {folder}; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")


def check_kvp_works(machine):
    machine.open_session("pam", "alice")
    request_id = kvp_logoff.request(machine)
    kvp_logoff.finish(machine, request_id, S_OK)
    kvp_logoff.forget(machine, request_id)


@CASES.add
def component_journal_not_writable(machine):
    """/run/hv-logoff is full: the component's requests are refused, those by KVP carried out"""
    session = machine.open_session("pam", "alice")
    with full(machine, DEVICE_STATE):
        reply = logoff(machine, id="0x5e55105000000012").finish()
        check_result(machine, reply, DISP_E_EXCEPTION)
        for text in (DEVICE_STATE, "No space left on device"):
            assert text in reply["text"], reply["text"]
        same("the sessions", machine.sessions(), [session])
        same("a dry run", logoff(machine, dry_run=True).finish()["found"], 1)
        check_kvp_works(machine)
        same("the sessions", machine.sessions(), [])
    machine.open_session("pam", "alice")
    check_result(machine, logoff(machine, id="0x5e55105000000012").finish(), S_OK)


@CASES.add
def kvp_journal_not_writable(machine):
    """/var is full, or read-only without the journal's folder: only KVP is refused"""
    # The unit's PrivateTmp= needs a directory in /var/tmp.
    machine.run("mount -t tmpfs -o nr_inodes=1 tmpfs /var/tmp; ! mkdir /var/tmp/x")
    with full(machine, KVP_STATE):
        session = machine.open_session("pam", "alice")
        request_id = kvp_logoff.request(machine)
        seen = kvp_logoff.finish(machine, request_id, DISP_E_EXCEPTION)
        assert "No space left on device" in seen[-1]["text"], seen[-1]
        same("the sessions", machine.sessions(), [session])
        check_result(machine, logoff(machine).finish(), S_OK)
        kvp_logoff.forget(machine, request_id)
    machine.run(f"systemctl stop hv-logoffd; mv {KVP_STATE} {KVP_STATE}.away;"
                "mount -o remount,ro /var/tmp;"
                "mount --bind /var/lib /var/lib; mount -o remount,bind,ro /var/lib;"
                "systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    machine.open_session("pam", "alice")
    check_result(machine, logoff(machine).finish(), S_OK)
    machine.run(kvp_logoff.logged(f"Cannot use {KVP_STATE}/kvp-journal"))
    machine.run(f"systemctl stop hv-logoffd; umount /var/lib /var/tmp; mv {KVP_STATE}.away {KVP_STATE};"
                "systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_kvp_works(machine)
