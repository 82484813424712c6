# SPDX-License-Identifier: GPL-2.0-or-later
"""Logging off by key-value pairs, on a guest that its host offers no logoff component: stock
drivers, the stock KVP daemon, and hv-logoffd. Each case gets such a machine with nobody logged
on and an idle answer, and leaves it so. Its state outlives a reset, in persistent memory."""

import datetime
import signal
import uuid

import kvp
import vmguestos
from checks import DISP_E_EXCEPTION, E_BUSY, E_CANCELLED, E_INVALIDARG, E_NO_SESSION, S_OK
from machine import BOUND, Refused

REQUEST, ANSWER = "HvLogoffRequest", "HvLogoffAnswer"

E_EXISTS = 0x800700B7
E_REVISION = 0x8007051A
E_SKEW = 0x80070576
E_STALE = 0x800705B4

CASES = []


def case(function):
    CASES.append(function)
    return function


def stamp(offset=0):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def words(value):
    """name=value, separated by blanks, and the rest for the last one's text."""
    value, _, text = value.partition("text=")
    fields = dict(word.split("=", 1) for word in value.split())
    return {**fields, "text": text}


def write(machine, value):
    """What an administrator's program does: modify the item, or add it."""
    try:
        machine.ask("kvp_modify", name=REQUEST, data=value)
    except Refused:
        machine.ask("kvp_add", name=REQUEST, data=value)


def answer(machine):
    """The guest's answer; None while there is none."""
    value = machine.ask("kvp_guest_items")["items"].get(ANSWER)
    return value and words(value)


def request(machine, verb="logoff", name=None, offset=0, life=300, **options):
    """Writes a request; its id."""
    name = name or str(uuid.uuid4())
    fields = {"v": 1, "id": name, "issued": stamp(offset), "life": life, "do": verb, **options}
    write(machine, " ".join(f"{key}={value}" for key, value in fields.items()))
    return name


def wait_answer(machine, condition):
    """Waits for an answer that the condition accepts; all that were seen on the way."""
    seen = []

    def reached():
        now = answer(machine)
        if now and (not seen or now != seen[-1]):
            machine.say("  answer| " + " ".join(
                now.get(name, "-") for name in ("state", "percent", "ended", "result", "text")))
            seen.append(now)
        return now and condition(now)

    kvp.until("an answer", reached)
    return seen


def finish(machine, name, result):
    """Waits for the end of a request, which must be so."""
    seen = wait_answer(machine, lambda now: now.get("id") == name and now["state"] == "done")
    last = seen[-1]
    assert int(last["result"], 16) == result, f"{last}, and not {result:#x}"
    assert last["text"], f"{last} says nothing"
    return seen


def forget(machine, name):
    request(machine, "forget", name)
    wait_answer(machine, lambda now: now["state"] == "idle")


def in_grace(machine, **options):
    name = request(machine, timeout=BOUND, grace=200, **options)
    wait_answer(machine, lambda now: now.get("id") == name and now["state"] == "grace")
    return name


def same_sessions(machine, wanted):
    sessions = sorted(machine.sessions())
    assert sessions == sorted(wanted), f"sessions {sessions}, and not {wanted}"


def log_off_all(machine):
    machine.run("for user in alice bob carol; do "
                "loginctl terminate-user $user 2>/dev/null || true; done")
    machine.wait_run("! loginctl list-sessions --no-legend | grep -q .")


def clean(machine):
    """Whether it is as a case may expect it, after what can be done for that."""
    log_off_all(machine)
    name = (answer(machine) or {}).get("id")
    if name:
        request(machine, "cancel", name)
        wait_answer(machine, lambda now: now["state"] == "done")
        forget(machine, name)
    return True


@case
def kvp_only_guest(machine):
    """no module and no component of ours in this guest, and hv-logoffd is there, with an idle answer"""
    assert not machine.ask("status")["components"]["logoff"]["offered"], "it is offered"
    modules = machine.run("lsmod")
    assert "hv_logoff" not in modules and "hv_utils" in modules, modules
    assert not machine.run("ls /dev/vmbus").split().count("hv_logoff"), "there is the device"
    boot = machine.run("cat /proc/sys/kernel/random/boot_id").strip()
    seen = wait_answer(machine, lambda now: now["state"] == "idle")
    assert seen[-1]["v"] == "1" and seen[-1]["boot"] == boot, seen[-1]


@case
def kvp_logoff(machine):
    """a logoff by KVP: progress, everyone gone, S_OK; and again by an older id: refused"""
    machine.open_session("login", "alice")
    machine.open_session("pam", "bob")
    machine.open_session("stubborn", "carol")
    name = request(machine, timeout=BOUND, grace=4, message="The house moves. See you later")
    seen = finish(machine, name, S_OK)
    same_sessions(machine, [])
    last = seen[-1]
    assert (last["found"], last["ended"], last["failed"]) == ("3", "3", "0"), last
    percents = [int(now["percent"]) for now in seen if now.get("id") == name]
    assert percents == sorted(percents) and percents[-1] == 100, percents
    assert any(now["state"] == "grace" for now in seen), "nobody saw the grace period"
    again = machine.open_session("pam", "alice")
    forget(machine, name)
    # The same item, written again as it was: by a person, or with a machine that was restored.
    request(machine, name=name)
    finish(machine, name, E_EXISTS)
    same_sessions(machine, [again])
    log_off_all(machine)
    forget(machine, name)


@case
def kvp_nobody(machine):
    """nobody is logged on: ERROR_NO_SUCH_LOGON_SESSION"""
    name = request(machine)
    finish(machine, name, E_NO_SESSION)
    forget(machine, name)


@case
def kvp_cancel(machine):
    """cancelled in the grace period: ERROR_CANCELLED, and nobody is logged off"""
    session = machine.open_session("pam", "alice")
    name = in_grace(machine)
    request(machine, "cancel", name)
    finish(machine, name, E_CANCELLED)
    same_sessions(machine, [session])
    forget(machine, name)
    log_off_all(machine)


@case
def kvp_daemon_killed(machine):
    """hv-logoffd is killed mid-request: DISP_E_EXCEPTION from the next one, nothing done twice"""
    session = machine.open_session("pam", "alice")
    name = in_grace(machine)
    before = machine.run("systemctl show -P MainPID hv-logoffd")
    machine.run("systemctl kill -s KILL hv-logoffd")
    finish(machine, name, DISP_E_EXCEPTION)
    assert machine.run("systemctl show -P MainPID hv-logoffd") != before, "it was not killed"
    same_sessions(machine, [session])
    # The request's item is still there; so is its id after an acknowledgement.
    forget(machine, name)
    request(machine, name=name)
    finish(machine, name, E_EXISTS)
    same_sessions(machine, [session])
    log_off_all(machine)
    forget(machine, name)


def check_reset(machine, how):
    machine.open_session("pam", "alice")
    name = in_grace(machine)
    kvp.reboot(machine, how)
    # The host has told the guest all of its items again by now, the request among them.
    session = machine.open_session("pam", "bob")
    finish(machine, name, DISP_E_EXCEPTION)
    machine.run("systemctl restart hv-logoffd")
    finish(machine, name, DISP_E_EXCEPTION)
    same_sessions(machine, [session])
    log_off_all(machine)
    forget(machine, name)


@case
def kvp_guest_reset(machine):
    """the guest is reset mid-request, its disk as it was: DISP_E_EXCEPTION, nothing done twice"""
    check_reset(machine, "reset")


@case
def kvp_guest_rebooted(machine):
    """the guest is restarted mid-request: DISP_E_EXCEPTION, nothing done twice"""
    check_reset(machine, "shutdown")


@case
def kvp_done_before_reset(machine):
    """a request that was carried out before a reset is not carried out after it"""
    machine.open_session("pam", "alice")
    name = request(machine)
    finish(machine, name, S_OK)
    kvp.reboot(machine, "reset")
    session = machine.open_session("pam", "bob")
    finish(machine, name, S_OK)
    same_sessions(machine, [session])
    log_off_all(machine)
    forget(machine, name)


@case
def kvp_others_untouched(machine):
    """other programs' items in both pools are as they were, byte for byte"""
    machine.ask("kvp_add", name="test host", data="the host's other program's")
    kvp.wait_pool(machine, {"test host": "the host's other program's"})
    # Any bytes, but behind a NUL: in a text hv_kvp refuses, or without a NUL dies of, some.
    junk = bytes(range(1, 256)) * 10
    before = (b"other one\0" + junk)[:kvp.KEY] + (b"a value\0" + junk)[:kvp.VALUE]
    after = (b"other two\0" + junk)[:kvp.KEY] + (
        "\x01ü€\U0001f600".encode() * 100 + b"\0" + junk)[:kvp.VALUE]
    own = kvp.pool_bytes(machine, kvp.GUEST)
    # One before the answer's record and one behind it.
    machine.run(f"systemctl stop hv-logoffd; : >{kvp.FOLDER}/.kvp_pool_1")
    kvp.append(machine, kvp.GUEST, before)
    kvp.append(machine, kvp.GUEST, own)
    kvp.append(machine, kvp.GUEST, after)
    machine.run("systemctl start hv-logoffd")
    machine.open_session("pam", "alice")
    name = request(machine)
    finish(machine, name, S_OK)
    forget(machine, name)
    data = kvp.pool_bytes(machine, kvp.GUEST)
    assert len(data) == len(before + own + after), f"{len(data)} bytes"
    others = [data[at:at + len(before)] for at in range(0, len(data), len(before))
              if not data[at:].startswith(ANSWER.encode() + b"\0")]
    assert others == [before, after], "another program's record was changed"
    kvp.wait_pool(machine, {"test host": "the host's other program's"})
    machine.ask("kvp_remove", name="test host")
    machine.run(f"systemctl stop hv-logoffd; : >{kvp.FOLDER}/.kvp_pool_1; "
                "systemctl start hv-logoffd")
    wait_answer(machine, lambda now: now["state"] == "idle")


@case
def kvp_refused(machine):
    """stale, early, of another boot, of an unknown version, malformed, oversized: no action"""
    session = machine.open_session("pam", "alice")
    for result, options in ((E_STALE, {"offset": -400}), (E_SKEW, {"offset": 900}),
                            (DISP_E_EXCEPTION, {"boot": str(uuid.uuid4())}),
                            (E_INVALIDARG, {"timeout": "soon"}), (E_INVALIDARG, {"life": 0}),
                            (E_INVALIDARG, {"colour": "blue"}), (E_REVISION, {"v": 2})):
        name = request(machine, **options)
        finish(machine, name, result)
    for value in ("", "log off everyone, please", "v=1", "\u00ff\u0001",
                  f"v=1 id={'x' * 37} issued={stamp()} life=300 do=logoff",
                  f"v=1 id=long issued={stamp()} life=300 do=logoff message=".ljust(1023, "x")):
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


@case
def kvp_vmlogoff(machine):
    """vmlogoff finds the way by itself: logs off, and Ctrl-C cancels"""
    session = machine.open_session("pam", "alice")
    command = vmguestos.Vmlogoff(machine, "--timeout", "1000", "--grace", "900")
    command.in_grace()
    command.process.send_signal(signal.SIGINT)
    command.finish(vmguestos.CANCELLED)
    same_sessions(machine, [session])
    last = vmguestos.Vmlogoff(machine, "--timeout", "120").finish(vmguestos.OK)
    assert (last["found"], last["ended"]) == (1, 1), last
    same_sessions(machine, [])
    assert clean(machine)


@case
def kvp_and_component(machine):
    """both ways at once: the one that comes second is told busy, whichever it is"""
    machine.ask("offer", component="logoff")
    machine.wait("logoff", "negotiated")
    session = machine.open_session("pam", "alice")
    name = in_grace(machine)
    reply = machine.send("logoff", timeout=100).finish()
    assert reply["hresult"] == E_BUSY, reply
    request(machine, "cancel", name)
    finish(machine, name, E_CANCELLED)
    forget(machine, name)
    first = machine.send("logoff", BOUND + 100, timeout=BOUND, grace=200)
    number = first.until(lambda event: event.get("state") == "grace")["id"]
    name = request(machine)
    finish(machine, name, E_BUSY)
    same_sessions(machine, [session])
    machine.ask("cancel", id=number)
    assert first.finish()["hresult"] == E_CANCELLED
    log_off_all(machine)
    forget(machine, name)
    machine.ask("rescind", component="logoff")
    machine.wait_run("! test -e /dev/vmbus/hv_logoff")
    machine.run("rmmod hv_logoff")
