# SPDX-License-Identifier: GPL-2.0-or-later
"""Every event that can befall a request, in every state that it can be in: the table of
docs/faults.md. A cell gets a machine as a case does, and leaves it so; a machine whose
cell failed is not used again."""

import contextlib
import dataclasses
import re
import typing

from cases import DRIVER, daemon_is_not_awaited
from checks import (DISP_E_EXCEPTION, E_CANCELLED, E_NOT_AVAIL, E_NOT_FOUND, E_TIMED_OUT, S_OK,
                    check_result, configure, logoff, same)

E_FAIL = 0x80004005

NAMES = {
    S_OK: "S_OK",
    DISP_E_EXCEPTION: "DISP_E_EXCEPTION",
    E_CANCELLED: "ERROR_CANCELLED",
    E_TIMED_OUT: "VM_E_TIMED_OUT",
    E_NOT_AVAIL: "VM_E_ADDITIONS_FEATURE_NOT_AVAIL",
}

STATES = ("none", "delivered", "grace", "ending", "completing")

# Seconds on a stock kernel: what is to happen must fit into them, on a slow machine too.
GRACE = 8
LONG, SHORT = 120, 14  # the timeout of a request, and of one that is to run into it

FAILSLAB = "/sys/kernel/debug/failslab"
LOGOFFD_PID = "$(systemctl show -P MainPID hv-logoffd)"


class Held:
    """A request that is kept in one state until release(). In the state "none" it is sent
    at the release: it is the one that comes after the event."""

    def __init__(self, machine, state, timeout):
        self.machine = machine
        self.state = state
        self.timeout = timeout
        self.request = None
        self.id = None
        self.let_go = None
        getattr(self, "hold_" + state)()

    def send(self, state, **options):
        self.request = logoff(self.machine, timeout=self.timeout, **options)
        self.id = self.request.until(lambda event: event.get("state") == state)["id"]

    def logind(self, signal):
        self.machine.run(f"pkill -{signal} -x systemd-logind || true")

    def hold_none(self):
        """Nothing is under way."""
        self.machine.open_session("pam", "alice")
        self.let_go = self.send_late

    def send_late(self):
        self.request = logoff(self.machine, timeout=self.timeout)

    def hold_delivered(self):
        """The daemon waits for logind's list."""
        self.machine.open_session("pam", "alice")
        self.logind("STOP")
        self.send("delivered")
        self.let_go = lambda: self.logind("CONT")

    def hold_grace(self):
        """The users were told."""
        self.machine.open_session("pam", "alice")
        self.send("grace", grace=GRACE * self.machine.pace)
        self.let_go = lambda: None

    def hold_ending(self):
        """A session does not end."""
        session = self.machine.open_session("stubborn", "carol")
        self.send("ending")
        scope = f"/sys/fs/cgroup/user.slice/*/session-{session}.scope"
        self.let_go = lambda: self.machine.run(f"kill -KILL $(cat {scope}/cgroup.procs)")

    def hold_completing(self):
        """The result is in the ring, and the host doesn't read it."""
        self.hold_delivered()
        self.machine.ask("stall", component="logoff")
        self.logind("CONT")
        self.machine.wait_run("journalctl -q --no-pager -n 1 HV_LOGOFF_OUTCOME=0x00000000 "
                              f"HV_LOGOFF_REQUEST_ID=0x{int(self.id, 16):016x} | grep -q .")
        same("COMPLETEs that the host has read", self.completes(), 0)
        self.let_go = lambda: self.machine.ask("resume", component="logoff")

    def release(self):
        self.let_go()

    def finish(self):
        reply = self.request.finish()
        self.id = reply.get("id", self.id)
        return reply

    def completes(self):
        return self.machine.ask("complete_count", id=self.id)["complete"]


# Events. Before the yield it happens, while the request is held; after it the request
# has been released and has its result, and the machine is put in order again.

@contextlib.contextmanager
def closes(machine, _held):
    with daemon_is_not_awaited(machine):
        machine.run("systemctl stop hv-logoffd")
        yield
    machine.run("systemctl start hv-logoffd")


@contextlib.contextmanager
def killed(machine, _held):
    machine.run(f"before={LOGOFFD_PID}; systemctl kill -s KILL hv-logoffd;"
                f"until [ {LOGOFFD_PID} != 0 -a {LOGOFFD_PID} != $before ] &&"
                "      systemctl -q is-active hv-logoffd; do sleep 0.1; done")
    yield


@contextlib.contextmanager
def hangs(machine, _held):
    machine.run("systemctl kill -s STOP hv-logoffd")
    yield
    machine.run("systemctl kill -s CONT hv-logoffd")


@contextlib.contextmanager
def logind_restarts(machine, _held):
    machine.run("systemctl restart systemd-logind")
    yield
    # Systemd 252 keeps a session that was closing until logind restarts once more.
    machine.run("systemctl restart systemd-logind")


@contextlib.contextmanager
def logind_absent(machine, _held):
    machine.run("systemctl stop systemd-logind")
    yield
    machine.run("systemctl unmask --runtime systemd-logind; systemctl start systemd-logind")


@contextlib.contextmanager
def dbus_absent(machine, _held):
    machine.run("systemctl stop dbus.socket dbus.service")
    yield
    machine.run("systemctl start dbus.socket dbus.service; systemctl restart systemd-logind")
    machine.wait_run("loginctl list-sessions >/dev/null")


@contextlib.contextmanager
def cancelled(machine, held):
    question = machine.send("cancel", id=held.id or "0x5e55105000000099")
    if held.state == "none":
        same("the answer to CANCEL", question.finish()["hresult"], E_NOT_FOUND)
    elif held.state in ("delivered", "grace"):
        same("the answer to CANCEL", question.finish()["hresult"], S_OK)
        while machine.ask("query", id=held.id)["state"] != "done":
            pass
    yield
    if held.state in ("ending", "completing"):
        same("the answer to CANCEL", question.finish()["hresult"], E_FAIL)


@contextlib.contextmanager
def rescinded(machine, _held):
    machine.ask("rescind", component="logoff")
    yield
    machine.wait_run("! test -e /dev/vmbus/hv_logoff")
    machine.ask("offer", component="logoff")
    machine.wait("logoff", "negotiated")


@contextlib.contextmanager
def renegotiated(machine, held):
    machine.ask("negotiate", component="logoff")
    if held.state != "completing":
        machine.wait("logoff", "negotiated")
    yield
    machine.wait("logoff", "negotiated")


@contextlib.contextmanager
def unloaded(machine, _held):
    refused = machine.run("! rmmod hv_logoff")
    assert "in use" in refused, refused
    machine.run("systemctl stop hv-logoffd; rmmod hv_logoff")
    yield
    machine.run("modprobe hv_logoff")
    machine.wait("logoff", "negotiated")


@contextlib.contextmanager
def unbound(machine, _held):
    device = machine.run(f"basename {DRIVER}/*-*-*-*-*").strip()
    machine.run(f"echo {device} >{DRIVER}/unbind")
    yield
    machine.run(f"echo {device} >{DRIVER}/bind")
    machine.wait("logoff", "negotiated")


@contextlib.contextmanager
def suspended(machine, held):
    machine.run("echo platform >/sys/power/pm_test; echo disk >/sys/power/state;"
                "echo none >/sys/power/pm_test")
    if held.state != "completing":
        machine.wait("logoff", "negotiated")
    yield
    machine.wait("logoff", "negotiated")


@contextlib.contextmanager
def no_memory(machine, _held):
    machine.run(f"cd {FAILSLAB}; echo 0 >verbose; echo N >ignore-gfp-wait; echo Y >task-filter;"
                "echo -1 >times; echo 100 >probability;"
                f"for task in /proc/{LOGOFFD_PID}/task/*; do echo 1 >$task/make-it-fail; done;"
                "(sleep 3; echo 0 >probability) </dev/null >/dev/null 2>&1 &")
    yield
    machine.wait_run(f"[ $(cat {FAILSLAB}/probability) = 0 ]")


@dataclasses.dataclass
class Event:
    """What the host gets for it: one result for each of STATES."""
    happen: typing.Callable
    results: tuple
    timeout: int = LONG
    needs_sanitizer: bool = False  # and its kernel's means to bring it about
    first: str = "true"  # run before the request: what takes too long for a grace period


EVENTS = (
    Event(closes, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(killed, 5 * (S_OK,)),
    Event(hangs, 4 * (E_TIMED_OUT,) + (S_OK,), SHORT),
    Event(logind_restarts, 5 * (S_OK,)),
    Event(logind_absent, 4 * (DISP_E_EXCEPTION,) + (S_OK,), SHORT,
          first="systemctl mask --runtime systemd-logind"),
    Event(dbus_absent, 4 * (DISP_E_EXCEPTION,) + (S_OK,), SHORT),
    Event(cancelled, (S_OK, E_CANCELLED, E_CANCELLED, S_OK, S_OK)),
    Event(rescinded, (E_NOT_AVAIL,) + 4 * (DISP_E_EXCEPTION,)),
    Event(renegotiated, 5 * (S_OK,)),
    Event(unloaded, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(unbound, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(suspended, (S_OK,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,), needs_sanitizer=True),
    Event(no_memory, 5 * (S_OK,), needs_sanitizer=True),
)


def is_slow(event, state):
    """Whether the cell waits for a timeout or an escalation."""
    return (event.timeout == SHORT and state != "completing" or
            event.happen is logind_restarts and state == "ending")


def prepare(machine):
    """A session that does not end stays long enough for what is to happen meanwhile."""
    configure(machine, f"EscalateSec={60 * machine.pace}")


def check_works(machine):
    """A normal logoff works, whoever the cell has left logged on."""
    machine.open_session("pam", "alice")
    check_result(machine, logoff(machine).finish(), S_OK)
    same("the sessions after", machine.sessions(), [])


def run(machine, event, state):
    machine.run(event.first)
    held = Held(machine, state, event.timeout * machine.pace)
    with event.happen(machine, held):
        held.release()
        reply = held.finish()
    wanted = event.results[STATES.index(state)]
    check_result(machine, reply, wanted)
    check_works(machine)
    # Where there is no channel the host answers itself.
    if not (event.happen is rescinded or
            state == "none" and event.happen in (unloaded, unbound)):
        same("the number of COMPLETEs", held.completes(), 1)


# Ways through the driver on which memory is allocated; see tests/guest/fail-nth.c.
PATHS = ("device", "bind", "unbind")


def sweep(machine, path):
    """Each allocation on the path fails in turn; none is leaked, and all works afterwards."""
    offer = machine.run(f"basename {DRIVER}/*-*-*-*-*").strip()
    machine.run("systemctl mask --runtime --now hv-logoffd;"
                f"echo 0 >{FAILSLAB}/verbose; echo N >{FAILSLAB}/ignore-gfp-wait")
    if path != "device":
        machine.run(f"echo {offer} >{DRIVER}/unbind")
    machine.say(machine.run(f"fail-nth {path} {offer}"))
    if path != "device":
        machine.run(f"echo {offer} >{DRIVER}/bind")
    machine.run("systemctl unmask --runtime hv-logoffd; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)


def documented(text):
    """The table of docs/faults.md: results by event."""
    rows = re.findall(r"^\| `(\w+)` \|((?: \w+ \|){5})$", text, re.MULTILINE)
    return {name: tuple(re.findall(r"\w+", cells)) for name, cells in rows}


def check_documented(text):
    same("the table", documented(text),
         {event.happen.__name__: tuple(NAMES[result] for result in event.results)
          for event in EVENTS})
