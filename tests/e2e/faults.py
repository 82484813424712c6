# SPDX-License-Identifier: GPL-2.0-or-later
"""Every event in every state of a request: the table in docs/faults.md. Like a case, a cell starts
with a clean machine and must restore that state. After a failed cell the machine is discarded."""

import contextlib
import dataclasses
import re
import typing

from cases import short_reattach_timeout
from checks import (DISP_E_EXCEPTION, DRIVER, E_CANCELLED, E_FAIL, E_NOT_AVAIL, E_NOT_FOUND,
                    E_TIMED_OUT, S_OK, bound_device, check_result, configure, logoff, offer, same,
                    wait_device_gone, wait_done)
from machine import BOUND
from returns import autologin

NAMES = {
    S_OK: "S_OK",
    DISP_E_EXCEPTION: "DISP_E_EXCEPTION",
    E_CANCELLED: "ERROR_CANCELLED",
    E_TIMED_OUT: "VM_E_TIMED_OUT",
    E_NOT_AVAIL: "VM_E_ADDITIONS_FEATURE_NOT_AVAIL",
}

STATES = ("none", "delivered", "grace", "ending", "completing")

# Seconds on a stock kernel, within which the event must be over even on a slow machine.
GRACE = 8
LONG, SHORT = 120, 14  # timeout of a request; SHORT if it is expected to elapse

# Stops the system bus for a while whenever a user manager stops.
MANAGER_DROP_IN = "/run/systemd/system/user@.service.d"
FREEZE_BUS = ("[Service]\\nExecStopPost=+/bin/sh -c 'touch /run/frozen; "
              "pkill -STOP -x dbus-daemon; sleep 3; pkill -CONT -x dbus-daemon'\\n")

FAILSLAB = "/sys/kernel/debug/failslab"
LOGOFFD_PIDS = "/sys/fs/cgroup/system.slice/hv-logoffd.service/cgroup.procs"


class Held:
    """A request that is kept in one state until release(). In the state "none", release() sends
    the request, so that it follows the event."""

    def __init__(self, machine, state, **options):
        self.machine = machine
        self.state = state
        self.options = options
        self.request = None
        self.id = None
        self.release = None
        self.reply = None
        getattr(self, "hold_" + state)()

    def send(self, state, **options):
        self.request = logoff(self.machine, **self.options, **options)
        self.id = self.request.until(lambda event: event.get("state") == state)["id"]

    def signal_logind(self, signal):
        self.machine.run(f"pkill -{signal} -x systemd-logind || true")

    def hold_none(self):
        """No request is pending."""
        self.machine.open_session("pam", "alice")
        self.release = self.send_late

    def send_late(self):
        self.request = logoff(self.machine, **self.options)

    def hold_delivered(self):
        """The daemon waits for logind's list of sessions."""
        self.machine.open_session("pam", "alice")
        self.signal_logind("STOP")
        self.send("delivered")
        self.release = lambda: self.signal_logind("CONT")

    def hold_grace(self):
        """The users have been notified, and the grace period is not over."""
        self.machine.open_session("pam", "alice")
        self.send("grace", grace=GRACE * self.machine.pace)
        self.release = lambda: None

    def hold_ending(self):
        """A session ignores SIGHUP and SIGTERM."""
        session = self.machine.open_session("stubborn", "carol")
        self.send("ending")
        scope = f"/sys/fs/cgroup/user.slice/*/session-{session}.scope"
        self.release = lambda: self.machine.run(f"kill -KILL $(cat {scope}/cgroup.procs)")

    def hold_completing(self):
        """The COMPLETE is in the ring, and the host does not read it."""
        self.hold_delivered()
        self.machine.rpc("stall", component="logoff")
        self.signal_logind("CONT")
        self.machine.wait_run("journalctl -q --no-pager -n 1 HV_LOGOFF_OUTCOME=0x00000000 "
                              f"HV_LOGOFF_REQUEST_ID=0x{int(self.id, 16):016x} | grep -q .")
        same("COMPLETEs that the host has read", self.completes(), 0)
        self.release = lambda: self.machine.rpc("resume", component="logoff")

    def finish(self):
        self.reply = self.request.finish()
        self.id = self.reply.get("id", self.id)
        return self.reply

    def completes(self):
        return self.machine.rpc("complete_count", id=self.id)["complete"]


# Events. The part before the yield causes the event while the request is held. The part after it
# runs when the request has completed, and restores the machine.

@contextlib.contextmanager
def closes(machine, _held):
    with short_reattach_timeout(machine):
        machine.run("systemctl stop hv-logoffd")
        yield
    machine.run("systemctl start hv-logoffd")


@contextlib.contextmanager
def killed(machine, _held):
    # Not by systemctl, which takes seconds on the sanitizer kernel: with logind stopped, the daemon
    # gives up after ten.
    machine.run(f"read -r before <{LOGOFFD_PIDS}; kill -KILL $before;"
                "until systemctl -q is-active hv-logoffd &&"
                f"      read -r now <{LOGOFFD_PIDS} && [ $now != $before ]; do sleep 0.1; done")
    yield


@contextlib.contextmanager
def killed_no_logins(machine, held):
    with killed(machine, held):
        if held.state in ("delivered", "grace", "ending"):
            machine.wait_run("grep -q hv-logoffd /run/nologin")
        yield
    machine.wait_run("! test -e /run/nologin")


@contextlib.contextmanager
def logon(machine, held):
    # While logind is stopped, pam_systemd waits.
    machine.run("rm -f /run/logon; (open-session pam bob; touch /run/logon) "
                "</dev/null >/dev/null 2>&1 &")
    if held.state != "delivered":
        machine.wait_run("test -e /run/logon")
    yield
    machine.wait_run("test -e /run/logon")
    if held.state in ("none", "grace", "ending"):
        same("the sessions", machine.sessions(), [])


@contextlib.contextmanager
def returns(machine, held):
    # While logind is stopped, login waits.
    opened = held.state != "delivered"
    held_open = held.state in ("none", "grace", "ending")
    with autologin(machine, "bob", "ttyS0", wait=opened) as sessions:
        first = sessions() if opened else None
        if held_open:
            held.release = returned_first(machine, held, first)
        yield
        if held_open:
            assert held.reply["text"].endswith(" Returned: bob."), held.reply["text"]
        elif held.state == "completing":
            same("the sessions of the user", sessions(), first)
        machine.wait_run("loginctl list-sessions --no-legend --no-pager | grep -q ttyS0")
    machine.wait_run("test -z \"$(loginctl list-sessions --no-legend --no-pager)\"")


def returned_first(machine, held, first):
    """Returns a release() that keeps the stubborn sessions until the user has returned."""
    release = held.release

    def released():
        if held.state == "ending":
            # A shell that login starts after its session was signalled is killed no sooner than the
            # stubborn session. So it exits by itself here.
            held.request.until(lambda event: event.get("found") == 2)
            machine.wait_run("pkill -KILL -u bob -x bash")
        else:
            release()
        machine.wait_run(f"test ! -e /run/systemd/sessions/{first[0]} && "
                         "loginctl list-sessions --no-legend --no-pager | grep -q ttyS0")
        machine.run("pkill -KILL -u carol")

    return released


@contextlib.contextmanager
def hangs(machine, _held):
    machine.run("systemctl kill -s STOP hv-logoffd")
    yield
    machine.run("systemctl kill -s CONT hv-logoffd")


@contextlib.contextmanager
def logind_restarts(machine, _held):
    machine.run("systemctl restart systemd-logind")
    yield
    # systemd 252 keeps a session in the state closing until logind restarts once more.
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
def bus_freezes(machine, _held):
    yield
    machine.run(f"test -e /run/frozen && rm -r /run/frozen {MANAGER_DROP_IN} &&"
                "systemctl daemon-reload")


@contextlib.contextmanager
def cancelled(machine, held):
    cancel = machine.send("cancel", id=held.id or "0x5e55105000000099")
    if held.state == "none":
        same("the reply to CANCEL", cancel.finish()["hresult"], E_NOT_FOUND)
    elif held.state in ("delivered", "grace"):
        same("the reply to CANCEL", cancel.finish()["hresult"], S_OK)
        wait_done(machine, held.id)
    yield
    if held.state in ("ending", "completing"):
        same("the reply to CANCEL", cancel.finish()["hresult"], E_FAIL)


@contextlib.contextmanager
def rescinded(machine, _held):
    machine.rpc("rescind", component="logoff")
    yield
    wait_device_gone(machine)
    offer(machine)


@contextlib.contextmanager
def renegotiated(machine, held):
    machine.rpc("negotiate", component="logoff")
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
    device = bound_device(machine)
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
def reopen_refused(machine, held):
    closed = machine.send("wait", component="logoff", timeout=BOUND, **{"for": "closed"})
    machine.rpc("refuse", component="logoff")
    machine.rpc("inject", component="logoff", data="00", size=65536)
    assert closed.finish()["ok"], "the guest did not close the channel"
    yield
    machine.rpc("accept", component="logoff")
    machine.wait("logoff", "negotiated")
    if held.state != "none":
        wait_done(machine, held.id)


@contextlib.contextmanager
def journal_fails(machine, _held):
    # A directory with the name of the file that would replace the journal.
    machine.run("mkdir /run/hv-logoff/device-journal.new")
    yield
    machine.run("rmdir /run/hv-logoff/device-journal.new")


@contextlib.contextmanager
def no_memory(machine, held):
    # A request that follows is not accepted, since it cannot be recorded.
    follows = held.state == "none"
    end = "true" if follows else "sleep 3; echo 0 >probability"
    machine.run(f"cd {FAILSLAB}; echo 0 >verbose; echo N >ignore-gfp-wait; echo Y >task-filter;"
                "echo -1 >times; echo 100 >probability;"
                f"read -r pid <{LOGOFFD_PIDS};"
                "for task in /proc/$pid/task/*; do echo 1 >$task/make-it-fail; done;"
                f"({end}) </dev/null >/dev/null 2>&1 &")
    yield
    if follows:
        machine.run(f"echo 0 >{FAILSLAB}/probability")
    machine.wait_run(f"[ $(cat {FAILSLAB}/probability) = 0 ]")


@dataclasses.dataclass
class Event:
    """An event, and the expected result in each of STATES."""
    happen: typing.Callable
    results: tuple
    timeout: int = LONG
    needs_sanitizer: bool = False  # only the sanitizer kernel can cause the event
    needs_speed: bool = False      # on that kernel, the event comes too late
    # Runs before the request, because it takes longer than a grace period.
    first: typing.Callable = lambda _state: "true"
    options: dict = dataclasses.field(default_factory=dict)  # of the request


EVENTS = (
    Event(closes, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(killed, 5 * (S_OK,)),
    Event(killed_no_logins, 5 * (S_OK,), options={"no_logins": True}),
    Event(logon, 5 * (S_OK,)),
    Event(returns, 5 * (S_OK,), first=lambda state:
          "open-session stubborn carol" if state in ("none", "grace") else "true",
          needs_speed=True),
    Event(hangs, 4 * (E_TIMED_OUT,) + (S_OK,), SHORT),
    Event(logind_restarts, 5 * (S_OK,)),
    Event(logind_absent, 4 * (DISP_E_EXCEPTION,) + (S_OK,), SHORT,
          first=lambda _state: "systemctl mask --runtime systemd-logind"),
    Event(dbus_absent, 4 * (DISP_E_EXCEPTION,) + (S_OK,), SHORT),
    Event(bus_freezes, 5 * (S_OK,),
          first=lambda _state: f"mkdir -p {MANAGER_DROP_IN};"
          f"printf \"{FREEZE_BUS}\" >{MANAGER_DROP_IN}/freeze.conf; systemctl daemon-reload"),
    Event(cancelled, (S_OK, E_CANCELLED, E_CANCELLED, S_OK, S_OK)),
    Event(rescinded, (E_NOT_AVAIL,) + 4 * (DISP_E_EXCEPTION,)),
    Event(renegotiated, 5 * (S_OK,)),
    Event(unloaded, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(unbound, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(suspended, (S_OK,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,), needs_sanitizer=True),
    Event(reopen_refused, (E_NOT_AVAIL,) + 3 * (DISP_E_EXCEPTION,) + (S_OK,)),
    Event(journal_fails, (DISP_E_EXCEPTION,) + 4 * (S_OK,)),
    Event(no_memory, (DISP_E_EXCEPTION,) + 4 * (S_OK,), needs_sanitizer=True),
)


def is_quick(event, state):
    """Whether this cell is one of those that make test runs: sessions are about to be ended, or are
    being ended, and the test does not wait for a timeout or an escalation."""
    if state not in ("grace", "ending", "completing"):
        return False
    return (state == "completing" or event.timeout != SHORT and
            not (event.happen in (logind_restarts, returns) and state == "ending"))


def prepare(machine):
    """Delays the escalation, so that a stubborn session outlasts the event."""
    configure(machine, f"EscalateSec={60 * machine.pace}")


def check_works(machine):
    """A normal logoff works, including for sessions that the event left behind."""
    machine.open_session("pam", "alice")
    check_result(machine, logoff(machine).finish(), S_OK)
    same("the sessions after", machine.sessions(), [])


def run(machine, event, state):
    machine.run(event.first(state))
    held = Held(machine, state, timeout=event.timeout * machine.pace, **event.options)
    with event.happen(machine, held):
        held.release()
        reply = held.finish()
    wanted = event.results[STATES.index(state)]
    check_result(machine, reply, wanted)
    check_works(machine)
    # Without a channel the host completes the request itself.
    if not (event.happen is rescinded or
            state == "none" and event.happen in (unloaded, unbound, reopen_refused)):
        same("the number of COMPLETEs", held.completes(), 1)


# Paths through the driver that allocate memory; see tests/guest/fail-nth.c.
PATHS = ("device", "bind", "unbind")


def sweep(machine, path):
    """Each allocation on the path fails in turn. Nothing leaks, and a logoff works afterwards."""
    device = bound_device(machine)
    machine.run("systemctl mask --runtime --now hv-logoffd;"
                f"echo 0 >{FAILSLAB}/verbose; echo N >{FAILSLAB}/ignore-gfp-wait")
    if path != "device":
        machine.run(f"echo {device} >{DRIVER}/unbind")
    machine.log(machine.run(f"fail-nth {path} {device}"))
    if path != "device":
        machine.run(f"echo {device} >{DRIVER}/bind")
    machine.run("systemctl unmask --runtime hv-logoffd; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)


def documented(text):
    """Returns the results by event from the table in docs/faults.md."""
    rows = re.findall(r"^\| `(\w+)` \|((?: \w+ \|){5})$", text, re.MULTILINE)
    return {name: tuple(re.findall(r"\w+", cells)) for name, cells in rows}


def check_documented(text):
    same("the table in docs/faults.md", documented(text),
         {event.happen.__name__: tuple(NAMES[result] for result in event.results)
          for event in EVENTS})
