# SPDX-License-Identifier: GPL-2.0-or-later
"""Logoffs as a host asks for them, and what to make of their answers."""

import json

from machine import BOUND

S_OK = 0
DISP_E_EXCEPTION = 0x80020009
E_BUSY = 0x800700AA
E_CANCELLED = 0x800704C7
E_NOT_FOUND = 0x80070490
E_NO_SESSION = 0x80070520
E_TIMED_OUT = 0xA0040202
E_NOT_AVAIL = 0xA0040505
E_NOT_RUNNING = 0xA0040206
E_DENIED = 0x80070005
E_INVALIDARG = 0x80070057


def same(what, value, wanted):
    def text(number):
        return f"{number:#x}" if isinstance(number, int) and number > 0xFFFF else repr(number)

    assert value == wanted, f"{what} is {text(value)}, and should be {text(wanted)}"


def logoff(machine, timeout=120, **options):
    """Sends a LOGOFF; the reply is waited for by its finish()."""
    return machine.send("logoff", timeout + BOUND, timeout=timeout, **options)


def in_grace(machine, grace=100, **options):
    """A LOGOFF that has told the users and ends nobody yet, and its id."""
    request = logoff(machine, timeout=grace + 120, grace=grace, **options)
    event = request.until(lambda event: event.get("state") == "grace")
    return request, event["id"]


def check_result(machine, reply, hresult):
    machine.say(f"{reply.get('hresult', 0):#010x} {reply.get('name', '')}: {reply.get('text', '')}")
    same("the HRESULT", reply["hresult"], hresult)


def check_complete_once(machine, request):
    same("the number of COMPLETEs", machine.ask("complete_count", id=request)["complete"], 1)


def audited(machine, request):
    """The sessions that the journal tells of, for one request."""
    name = f"0x{int(request, 16):016x}"
    text = machine.run("journalctl --sync; journalctl --no-pager -o json "
                       f"HV_LOGOFF_REQUEST_ID={name} --output-fields=HV_LOGOFF_SESSION")
    entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert entries, f"the journal has nothing about request {name}"
    return {entry["HV_LOGOFF_SESSION"] for entry in entries if "HV_LOGOFF_SESSION" in entry}


def configure(machine, *lines):
    """Gives the daemon a configuration, and waits until it has it."""
    text = "\\n".join(["[Logoff]", *lines, ""])
    machine.run(f"printf '{text}' >/etc/hv-logoff/hv-logoffd.conf; systemctl restart hv-logoffd")
