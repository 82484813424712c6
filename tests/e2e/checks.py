# SPDX-License-Identifier: GPL-2.0-or-later
"""HRESULTs, checks and helpers that the test cases share."""

import json
import pathlib
import time

from machine import BOUND

S_OK = 0
DISP_E_EXCEPTION = 0x80020009
E_FAIL = 0x80004005
E_DENIED = 0x80070005
E_INVALIDARG = 0x80070057
E_BUSY = 0x800700AA
E_EXISTS = 0x800700B7
E_NOT_FOUND = 0x80070490
E_CANCELLED = 0x800704C7
E_REVISION = 0x8007051A
E_NO_SESSION = 0x80070520
E_SKEW = 0x80070576
E_STALE = 0x800705B4
E_TIMED_OUT = 0xA0040202
E_NOT_RUNNING = 0xA0040206
E_NOT_AVAIL = 0xA0040505

# Of entries in the journal, as in hv-logoffd(8).
SESSION_MESSAGE_ID = "b0a1d1a86f0f4d0e8d1b53d97a2c8e44"
USER_MESSAGE_ID = "5f0c3a9d7be24c1d9e6a84f2d13b7c05"

DEVICE = "/dev/vmbus/hv_logoff"
DRIVER = "/sys/bus/vmbus/drivers/hv_logoff"


class Cases(list):
    """Test cases in the order of their definition."""

    def add(self, function):
        """Decorator: adds a function, whose docstring describes the case in the output."""
        self.append(function)
        return function


def same(what, value, wanted):
    def text(number):
        return f"{number:#x}" if isinstance(number, int) and number > 0xFFFF else repr(number)

    assert value == wanted, f"{what}: got {text(value)}, expected {text(wanted)}"


def until(what, condition):
    """Polls the condition until it is true, and returns its value."""
    deadline = time.monotonic() + BOUND
    while not (value := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.2)
    return value


def logoff(machine, timeout=120, **options):
    """Sends a LOGOFF. finish() of the returned request waits for the reply."""
    return machine.send("logoff", timeout + BOUND, timeout=timeout, **options)


def in_grace(machine, grace=100, **options):
    """Sends a LOGOFF and waits for its grace period; returns the request and its id."""
    request = logoff(machine, timeout=grace + 120, grace=grace, **options)
    event = request.until(lambda event: event.get("state") == "grace")
    return request, event["id"]


def wait_done(machine, request_id):
    """Waits until the guest has completed a request; returns the reply to QUERY."""
    def done():
        reply = machine.rpc("query", id=request_id)
        return reply if reply["state"] == "done" else None

    return until(f"the end of request {request_id}", done)


def check_result(machine, reply, hresult):
    machine.log(f"{reply.get('hresult', 0):#010x} {reply.get('name', '')}: {reply.get('text', '')}")
    same("the HRESULT", reply["hresult"], hresult)


def check_complete_once(machine, request_id):
    same("the number of COMPLETEs", machine.rpc("complete_count", id=request_id)["complete"], 1)


def check_requires_1_1(machine, session, user):
    """On message version 1.0 the host rejects each option that 1.1 adds."""
    reply = None
    for options in ({"user": user}, {"session": session}, {"dry_run": True}):
        reply = logoff(machine, **options).finish()
        same(f"the reply to {options}", (reply["ok"], reply["hresult"]), (False, E_NOT_AVAIL))
    machine.log(reply["error"])


def audited(machine, request_id, message_id=SESSION_MESSAGE_ID):
    """The sessions that the journal lists for one request, in entries with this MESSAGE_ID."""
    text = machine.run("journalctl --sync; journalctl --no-pager -o json "
                       f"MESSAGE_ID={message_id} "
                       f"HV_LOGOFF_REQUEST_ID=0x{int(request_id, 16):016x} "
                       "--output-fields=HV_LOGOFF_SESSION")
    entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert entries, f"the journal has no such entry for request {request_id}"
    return {entry["HV_LOGOFF_SESSION"] for entry in entries}


def configure(machine, *lines):
    """Writes the daemon's configuration file and restarts the daemon."""
    text = "\\n".join(["[Logoff]", *lines, ""])
    machine.run(f"printf '{text}' >/etc/hv-logoff/hv-logoffd.conf; systemctl restart hv-logoffd")


def built(machine, name):
    """The path of another program from the same build as hvhost."""
    return str(pathlib.Path(machine.hvhost).parent / name)


def boot_id(machine):
    return machine.run("cat /proc/sys/kernel/random/boot_id").strip()


def daemon_pid(machine):
    return machine.run("systemctl show -P MainPID hv-logoffd").strip()


def bound_device(machine):
    """The name of the VMBus device to which the driver is bound."""
    return machine.run(f"basename {DRIVER}/*-*-*-*-*").strip()


def leader(session):
    """A shell expression for the leader of a session."""
    return f"$(loginctl show-session -P Leader {session})"


def hang_up(machine, session):
    """Ends a terminal login like a user who closes the terminal."""
    machine.run(f"kill -HUP $(pgrep -P {leader(session)})")


def offer(machine, component="logoff"):
    """Offers the component to the guest and waits until its driver has connected."""
    machine.rpc("offer", component=component)
    machine.wait(component, "negotiated")


def wait_device_gone(machine):
    machine.wait_run(f"! test -e {DEVICE}")
