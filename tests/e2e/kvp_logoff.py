# SPDX-License-Identifier: GPL-2.0-or-later
"""Logoff over key-value pairs, in a guest to which the host offers no logoff component: stock
drivers, the stock KVP daemon, and hv-logoffd. Each case starts with no user logged on and an idle
answer, and must restore that state. The daemon's journal survives a reset, in persistent memory."""

import contextlib
import datetime
import shlex
import uuid

import kvp
import sockets
import vmguestos
from checks import (DISP_E_EXCEPTION, E_BUSY, E_CANCELLED, E_EXISTS, E_INVALIDARG,
                    E_NO_SESSION, E_REVISION, E_SKEW, E_STALE, S_OK, Cases, boot_id, daemon_pid,
                    offer, same, until, wait_device_gone)
from checks import in_grace as in_grace_over_vmbus
from machine import BOUND, Refused

REQUEST, ANSWER = "HvLogoffRequest", kvp.ANSWER

CASES = Cases()


def timestamp(offset=0):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(value):
    """Parses name=value pairs separated by blanks. text= is last, and extends to the end."""
    value, _, text = value.partition("text=")
    fields = dict(pair.split("=", 1) for pair in value.split())
    return {**fields, "text": text}


def write(machine, value):
    """Modifies or adds the request's item."""
    try:
        machine.rpc("kvp_modify", name=REQUEST, data=value)
    except Refused:
        machine.rpc("kvp_add", name=REQUEST, data=value)


def answer(machine):
    """The guest's answer, or None."""
    value = machine.rpc("kvp_guest_items")["items"].get(ANSWER)
    return value and parse(value)


def request(machine, verb="logoff", request_id=None, offset=0, life=300, **options):
    """Writes a request, and returns its id."""
    request_id = request_id or str(uuid.uuid4())
    fields = {"v": 1, "id": request_id, "issued": timestamp(offset), "life": life, "do": verb,
              **options}
    write(machine, " ".join(f"{key}={value}" for key, value in fields.items()))
    return request_id


def wait_answer(machine, condition):
    """Waits for an answer that the condition accepts; returns all answers up to that one."""
    seen = []

    def reached():
        now = answer(machine)
        if now and (not seen or now != seen[-1]):
            machine.log("  answer| " + " ".join(
                now.get(name, "-") for name in ("state", "percent", "ended", "result", "text")))
            seen.append(now)
        return now and condition(now)

    until("an answer", reached)
    return seen


def wait_idle(machine):
    return wait_answer(machine, lambda now: now["state"] == "idle")


def outcomes(machine, request_id):
    """The outcomes in the guest's items of this request: (outcome, session or None, user)."""
    items = machine.rpc("kvp_guest_items")["items"]
    found = set()
    for number in range(1, 9):
        fields = shlex.split(items.get(f"HvLogoffSessions{number}", ""))
        if f"id={request_id}" in fields:
            for outcome, value in (field.split("=", 1) for field in fields):
                if value.count(":") == 2:
                    session, _, user = value.split(":")
                    found.add((outcome, session or None, user))
    return found


def finish(machine, request_id, result):
    """Waits for the end of a request with this result; returns the answers seen."""
    seen = wait_answer(machine, lambda now: now.get("id") == request_id and now["state"] == "done")
    last = seen[-1]
    assert int(last["result"], 16) == result, f"{last}, expected {result:#x}"
    assert last["text"], f"{last} has no text"
    return seen


def forget(machine, request_id):
    """Acknowledges the result, whose outcomes are removed after the answer."""
    request(machine, "forget", request_id)
    wait_idle(machine)
    until("the outcomes are removed", lambda: not outcomes(machine, request_id))


def in_grace(machine, **options):
    request_id = request(machine, timeout=BOUND, grace=200, **options)
    wait_answer(machine, lambda now: now.get("id") == request_id and now["state"] == "grace")
    return request_id


def same_sessions(machine, wanted):
    sessions = sorted(machine.sessions())
    assert sessions == sorted(wanted), f"sessions {sessions}, expected {wanted}"


def log_off_all(machine):
    machine.run("for user in alice bob carol; do "
                "loginctl terminate-user $user 2>/dev/null || true; done")
    machine.wait_run("! loginctl list-sessions --no-legend | grep -q .")


def clean(machine):
    """Restores the state that a case starts with; returns whether that succeeded."""
    log_off_all(machine)
    request_id = (answer(machine) or {}).get("id")
    if request_id:
        request(machine, "cancel", request_id)
        wait_answer(machine, lambda now: now["state"] == "done")
        forget(machine, request_id)
    return True


@CASES.add
def kvp_only_guest(machine):
    """no logoff component and no module in this guest; hv-logoffd runs, with an idle answer"""
    assert not machine.rpc("status")["components"]["logoff"]["offered"], "it is offered"
    modules = machine.run("lsmod")
    assert "hv_logoff" not in modules and "hv_utils" in modules, modules
    assert not machine.run("ls /dev/vmbus").split().count("hv_logoff"), "the device exists"
    seen = wait_idle(machine)
    assert (seen[-1]["v"], seen[-1]["accepts"]) == ("1", "2"), seen[-1]
    assert seen[-1]["boot"] == boot_id(machine), seen[-1]
    found = machine.run("hv-logoffctl doctor")
    assert "A logoff works, by KVP" in found and "problem" not in found, found


@CASES.add
def kvp_logoff(machine):
    """logoff over KVP: progress, no session left, S_OK; the same id again is refused"""
    sessions = {(machine.open_session(kind, user), user) for kind, user in (
        ("login", "alice"), ("pam", "bob"), ("stubborn", "carol"))}
    request_id = request(machine, timeout=BOUND, **{"dry-run": "yes"})
    finish(machine, request_id, S_OK)
    assert {("selected", *session) for session in sessions} <= outcomes(machine, request_id)
    request_id = request(machine, timeout=BOUND, grace=4, message="Maintenance. See you later")
    seen = finish(machine, request_id, S_OK)
    same_sessions(machine, [])
    last = seen[-1]
    assert (last["found"], last["ended"], last["failed"]) == ("3", "3", "0"), last
    assert last["session-items"] == "1", last
    assert {("ended", *session) for session in sessions} <= outcomes(machine, request_id)
    percents = [int(now["percent"]) for now in seen if now.get("id") == request_id]
    assert percents == sorted(percents) and percents[-1] == 100, percents
    assert any(now["state"] == "grace" for now in seen), "no answer with the state grace"
    again = machine.open_session("pam", "alice")
    forget(machine, request_id)
    # A client, or a machine that is restored, may write the same item again.
    request(machine, request_id=request_id)
    finish(machine, request_id, E_EXISTS)
    same_sessions(machine, [again])
    log_off_all(machine)
    forget(machine, request_id)


@CASES.add
def kvp_nobody(machine):
    """no user is logged on: ERROR_NO_SUCH_LOGON_SESSION"""
    request_id = request(machine)
    finish(machine, request_id, E_NO_SESSION)
    forget(machine, request_id)


@CASES.add
def kvp_cancel(machine):
    """cancellation in the grace period: ERROR_CANCELLED, and no session is ended"""
    session = machine.open_session("pam", "alice")
    request_id = in_grace(machine)
    request(machine, "cancel", request_id)
    finish(machine, request_id, E_CANCELLED)
    same_sessions(machine, [session])
    forget(machine, request_id)
    log_off_all(machine)


@CASES.add
def kvp_daemon_killed(machine):
    """hv-logoffd is killed during a request: its successor reports DISP_E_EXCEPTION"""
    session = machine.open_session("pam", "alice")
    request_id = in_grace(machine)
    before = daemon_pid(machine)
    machine.run("systemctl kill -s KILL hv-logoffd")
    finish(machine, request_id, DISP_E_EXCEPTION)
    assert daemon_pid(machine) != before, "the daemon was not killed"
    same_sessions(machine, [session])
    # The acknowledgement removes neither the request's item nor its id in the journal.
    forget(machine, request_id)
    request(machine, request_id=request_id)
    finish(machine, request_id, E_EXISTS)
    same_sessions(machine, [session])
    log_off_all(machine)
    forget(machine, request_id)


def check_reset(machine, how):
    machine.open_session("pam", "alice")
    request_id = in_grace(machine)
    with sockets.open_stream(machine):
        kvp.reboot(machine, how)
    # The host has sent all items again by now, including the request.
    session = machine.open_session("pam", "bob")
    finish(machine, request_id, DISP_E_EXCEPTION)
    machine.run("systemctl restart hv-logoffd")
    finish(machine, request_id, DISP_E_EXCEPTION)
    same_sessions(machine, [session])
    log_off_all(machine)
    forget(machine, request_id)


@CASES.add
def kvp_guest_reset(machine):
    """the guest is reset during a request, its disk kept: DISP_E_EXCEPTION, no repetition"""
    check_reset(machine, "reset")


@CASES.add
def kvp_guest_rebooted(machine):
    """the guest reboots during a request: DISP_E_EXCEPTION, no repetition"""
    check_reset(machine, "shutdown")


@CASES.add
def kvp_done_before_reset(machine):
    """a completed request is not repeated after a restart of the daemon and a reset of the guest"""
    ended = ("ended", machine.open_session("pam", "alice"), "alice")
    request_id = request(machine)
    finish(machine, request_id, S_OK)
    machine.run("systemctl restart hv-logoffd")
    finish(machine, request_id, S_OK)
    assert ended in outcomes(machine, request_id), outcomes(machine, request_id)
    # Unlike the result, the outcomes are not written to the disk at once.
    kvp.reboot(machine, "reset")
    session = machine.open_session("pam", "bob")
    finish(machine, request_id, S_OK)
    same_sessions(machine, [session])
    log_off_all(machine)
    forget(machine, request_id)


@CASES.add
def kvp_other_items(machine):
    """other programs' items in both pools remain unchanged, byte for byte"""
    other_item = {"test host": "an item of another program"}
    for name, data in other_item.items():
        machine.rpc("kvp_add", name=name, data=data)
    kvp.wait_pool(machine, other_item)
    # Arbitrary bytes are placed after the NUL only: hv_kvp refuses some of them in a key or value,
    # and crashes on others if there is no NUL.
    junk = bytes(range(1, 256)) * 10
    before = (b"other one\0" + junk)[:kvp.KEY] + (b"a value\0" + junk)[:kvp.VALUE]
    after = (b"other two\0" + junk)[:kvp.KEY] + (
        "\x01ü€\U0001f600".encode() * 100 + b"\0" + junk)[:kvp.VALUE]
    own = kvp.pool_bytes(machine, kvp.GUEST)
    machine.run("systemctl stop hv-logoffd")
    kvp.clear_pool(machine, kvp.GUEST)
    for data in (before, own, after):
        kvp.append(machine, kvp.GUEST, data)
    machine.run("systemctl start hv-logoffd")
    machine.open_session("pam", "alice")
    request_id = request(machine)
    finish(machine, request_id, S_OK)
    forget(machine, request_id)
    data = kvp.pool_bytes(machine, kvp.GUEST)
    assert len(data) == len(before + own + after), f"{len(data)} bytes"
    others = [data[at:at + len(before)] for at in range(0, len(data), len(before))
              if not data[at:].startswith(ANSWER.encode() + b"\0")]
    assert others == [before, after], "another program's record was changed"
    kvp.wait_pool(machine, other_item)
    for name in other_item:
        machine.rpc("kvp_remove", name=name)
    machine.run("systemctl stop hv-logoffd")
    kvp.clear_pool(machine, kvp.GUEST)
    machine.run("systemctl start hv-logoffd")
    wait_idle(machine)


@CASES.add
def kvp_refused(machine):
    """stale, issued in the future, other boot, unknown version, malformed, oversized: no action"""
    session = machine.open_session("pam", "alice")
    for result, options in ((E_STALE, {"offset": -400}), (E_SKEW, {"offset": 900}),
                            (DISP_E_EXCEPTION, {"boot": str(uuid.uuid4())}),
                            (E_INVALIDARG, {"timeout": "soon"}), (E_INVALIDARG, {"life": 0}),
                            (E_INVALIDARG, {"colour": "blue"}), (E_REVISION, {"v": 3}),
                            (E_INVALIDARG, {"no-logins": "yes"}),
                            (E_INVALIDARG, {"v": 2, "user": '"alice'})):
        request_id = request(machine, **options)
        finish(machine, request_id, result)
    for value in ("", "log off everyone, please", "v=1", "\u00ff\u0001",
                  f"v=1 id={'x' * 37} issued={timestamp()} life=300 do=logoff",
                  f"v=1 id=long issued={timestamp()} life=300 do=logoff message=".ljust(1023, "x")):
        first = request(machine, offset=-400)
        finish(machine, first, E_STALE)
        write(machine, value)
        seen = wait_answer(machine, lambda now, old=first: now.get("id") != old)
        assert seen[-1]["state"] == "done" and seen[-1]["text"], seen[-1]
        assert int(seen[-1]["result"], 16) in (E_INVALIDARG, E_REVISION), seen[-1]
    same_sessions(machine, [session])
    assert machine.run("systemctl is-active hv-logoffd").strip() == "active"
    log_off_all(machine)
    last = request(machine)
    finish(machine, last, E_NO_SESSION)
    forget(machine, last)


def mode(machine, pool):
    return machine.run(f"stat -c %a {kvp.FOLDER}/.kvp_pool_{pool}").strip()


def logged(text):
    """A shell command that tests whether hv-logoffd of this boot has logged the text."""
    return (f"{{ journalctl --sync; journalctl -b -u hv-logoffd -o cat --no-pager; }} | "
            f"grep -F '{text}'")


@contextlib.contextmanager
def locked(machine, pool, user):
    """A process of the user has a read lock on the pool's file."""
    machine.run(f"setpriv --reuid {user} --regid {user} --clear-groups hold-lock "
                f"{kvp.FOLDER}/.kvp_pool_{pool} >/run/hold-lock 2>&1 & echo $! >/run/hold-lock.pid;"
                "until grep -q locked /run/hold-lock; do sleep 0.1; kill -0 $!; done")
    yield machine.run("cat /run/hold-lock.pid").strip()
    machine.run("kill $(cat /run/hold-lock.pid)")


@CASES.add
def kvp_pools_private(machine):
    """pools 0 and 1 of the stock KVP daemon become accessible to root only, even new ones"""
    for pool, wanted in ((0, "600"), (1, "600"), (2, "644"), (3, "644")):
        assert mode(machine, pool) == wanted, f"pool {pool} has mode {mode(machine, pool)}"
    assert machine.run("! setpriv --reuid alice --regid alice --clear-groups hold-lock "
                       f"{kvp.FOLDER}/.kvp_pool_0")
    machine.run(f"systemctl stop hv-kvp-daemon; rm {kvp.FOLDER}/.kvp_pool_[01];"
                "systemctl start hv-kvp-daemon")
    for pool in (0, 1):
        machine.wait_run(f"[[ $(stat -c %a {kvp.FOLDER}/.kvp_pool_{pool}) == 600 ]]")
    # Pools that were private when hv-logoffd started are not logged.
    machine.run(logged("Only root has access to it now."))
    wait_idle(machine)
    request_id = request(machine)
    finish(machine, request_id, E_NO_SESSION)
    forget(machine, request_id)


@CASES.add
def kvp_pool_locked(machine):
    """a lock held for seconds is logged with its owner: of a user on pool 3, of root on pool 1"""
    # With other values, /proc/locks and the owners of locks could be hidden.
    properties = machine.run("systemctl show -P ProtectProc -P ProcSubset hv-logoffd").split()
    assert properties == ["default", "all"], properties
    with locked(machine, 3, "alice") as pid:
        uid = machine.run("id -u alice").strip()
        machine.wait_run(logged(f".kvp_pool_3 has been locked for 3 s by process {pid} "
                                f"(hold-lock) of user {uid}."))
    with locked(machine, 1, "root") as pid:
        request_id = request(machine)
        machine.wait_run(logged(f".kvp_pool_1 has been locked for 3 s by process {pid} "
                                "(hold-lock) of user 0."))
    finish(machine, request_id, E_NO_SESSION)
    forget(machine, request_id)


@CASES.add
def kvp_pool_locked_by_flock(machine):
    """a lock by flock() delays the answer, but does not prevent it"""
    machine.run(f"flock --shared {kvp.FOLDER}/.kvp_pool_1 sleep infinity >/dev/null 2>&1 & "
                "echo $! >/run/flock.pid")
    request_id = request(machine)
    finish(machine, request_id, E_NO_SESSION)
    machine.wait_run(logged("That lock, by flock(), is ignored now."))
    machine.run("pkill -P $(cat /run/flock.pid)")
    forget(machine, request_id)


@CASES.add
def kvp_vmlogoff(machine):
    """vmlogoff by KVP: a logoff, and cancellation by Ctrl-C"""
    vmguestos.check_cancelled_by_interrupt(machine, "--via=kvp")
    session = machine.sessions()[0]
    last = vmguestos.Vmlogoff(machine, "--via=kvp", "--timeout", "120").finish(vmguestos.OK)
    same("the transport", last["via"], "kvp")
    assert (last["found"], last["ended"]) == (1, 1), last
    assert ("ended", session) in {(result["outcome"], result["session"])
                                  for result in last["sessions"]}, last
    same_sessions(machine, [])
    assert clean(machine)


def users(last):
    """The fields of an answer with numbers of users."""
    names = ("managers", "managers-left", "returned", "lingering", "outside", "untold")
    return {name: last[name] for name in names if name in last}


@CASES.add
def kvp_flags(machine):
    """over KVP: names with blanks, no logons, numbers of users, programs of lingering users"""
    vmguestos.check_names(machine, "--via=kvp")
    vmguestos.check_no_logins(machine, "--via=kvp")
    log_off_all(machine)
    with vmguestos.other_users(machine):
        machine.open_session("pam", "alice")
        machine.open_session("pam", "bob")
        request_id = request(machine, timeout=BOUND)
        last = finish(machine, request_id, S_OK)[-1]
        assert users(last) == {"managers": "1", "lingering": "1", "outside": "1",
                               "untold": "2"}, last
        assert "bob" in last["text"] and "carol (1)" in last["text"], last
        forget(machine, request_id)
        request_id = request(machine, v=2, timeout=BOUND, **{"include-lingering": "yes"})
        last = finish(machine, request_id, S_OK)[-1]
        assert users(last) == {"managers": "1", "outside": "1"} and last["found"] == "0", last
        machine.run("! systemctl -q is-active user@$(id -u bob)")
        command = vmguestos.Vmlogoff(machine, "--via=kvp", "--include-lingering")
        last = command.finish(vmguestos.NO_SESSION)
        assert "carol (1)" in last["text"], last
    assert clean(machine)


@CASES.add
def kvp_and_component(machine):
    """requests over KVP and VMBus at once: the second one gets ERROR_BUSY, in either order"""
    offer(machine)
    session = machine.open_session("pam", "alice")
    request_id = in_grace(machine)
    reply = machine.send("logoff", timeout=100).finish()
    assert reply["hresult"] == E_BUSY, reply
    request(machine, "cancel", request_id)
    finish(machine, request_id, E_CANCELLED)
    forget(machine, request_id)
    first, first_id = in_grace_over_vmbus(machine, grace=200)
    request_id = request(machine)
    finish(machine, request_id, E_BUSY)
    same_sessions(machine, [session])
    machine.rpc("cancel", id=first_id)
    assert first.finish()["hresult"] == E_CANCELLED
    log_off_all(machine)
    forget(machine, request_id)
    machine.rpc("rescind", component="logoff")
    wait_device_gone(machine)
    machine.run("rmmod hv_logoff")
