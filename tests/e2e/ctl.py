# SPDX-License-Identifier: GPL-2.0-or-later
"""hv-logoffctl in a guest, and the D-Bus interface with the policy of the bus."""

import contextlib
import json

import kvp_logoff
from checks import E_CANCELLED, S_OK, Cases, check_result, in_grace, logoff, same, until

CASES = Cases()

SUBSCRIBE = "busctl call org.hv_logoff1 /org/hv_logoff1 org.hv_logoff1.Manager Subscribe"


def ctl(machine, arguments, status=0, user="root"):
    """Runs hv-logoffctl, checks its exit status, and returns its output."""
    output = machine.run(f"status=0; runuser -u {user} -- hv-logoffctl {arguments} 2>&1 || "
                         "status=$?; echo $status")
    text, _, found = output.rstrip("\n").rpartition("\n")
    assert int(found) == status, f"hv-logoffctl {arguments} returned {found}: {text}"
    return text


@CASES.add
def logoffctl(machine):
    """hv-logoffctl shows a request and the sessions, and cancels it: ERROR_CANCELLED on the host"""
    session = machine.open_session("pam", "alice")
    listed = {entry["session"]: entry for entry in json.loads(ctl(machine, "--json list"))}
    same("the session's user and selection",
         (listed[session]["user"], listed[session]["selected"]), ("alice", True))
    assert "request: none" in ctl(machine, "status")
    assert "No request" in ctl(machine, "cancel", status=1)
    request, request_id = in_grace(machine, message="The disk is replaced.")
    status = json.loads(ctl(machine, "--json status"))
    same("the state and transport", (status["State"], status["Transport"]), ("grace", "component"))
    same("the request", int(status["HostId"], 16), int(request_id, 16))
    # Users learn what concerns them, and may not do anything else.
    notice = machine.run(f"runuser -u alice -- {SUBSCRIBE}")
    assert 'stst "warned"' in notice and "The disk is replaced." in notice, notice
    same("bob's notice", machine.run(f"runuser -u bob -- {SUBSCRIBE}").strip(), 'stst "" 0 "" 0')
    for command in ("status", "list", f"cancel {status['Id']}"):
        assert "permitted to root" in ctl(machine, command, status=1, user="alice")
    assert "No request" in ctl(machine, "cancel 1", status=1)
    ctl(machine, "cancel")
    reply = request.finish()
    check_result(machine, reply, E_CANCELLED)
    assert "in the guest by UID 0" in reply["text"], reply
    same("the sessions", machine.sessions(), [session])
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    machine.run("journalctl --sync")
    assert f"{S_OK:#010x}" in ctl(machine, f"history 0x{int(reply['id'], 16):016x}")
    outcomes = [json.loads(line)["outcome"]
                for line in ctl(machine, "--json history").splitlines()]
    for outcome in ("requested", f"{E_CANCELLED:#010x}", "ended", f"{S_OK:#010x}"):
        assert outcome in outcomes, outcomes


@contextlib.contextmanager
def broken(machine, script, repair):
    machine.run(script)
    yield
    machine.run(repair)


def masked(machine, *units):
    names = " ".join(units)
    return broken(machine, f"systemctl mask --runtime --now {names}",
                  f"systemctl unmask --runtime {names}; systemctl start {names}")


def check_doctor(machine, problems):
    """The doctor finds these problems, texts by their subjects, and a remedy for each."""
    result = json.loads(ctl(machine, "--json doctor", status=1))
    found = {}
    for finding in result["findings"]:
        machine.log(f"  {finding['state']} {finding['subject']}: {finding['text']}")
        if finding["state"] == "problem":
            assert finding["remedy"], finding
            found[finding["subject"]] = finding["text"]
    same("the problems", sorted(found), sorted(problems))
    for subject, text in problems.items():
        assert text in found[subject], found[subject]


@CASES.add
def logoffctl_doctor(machine):
    """hv-logoffctl doctor finds what is broken in a guest: seven causes"""
    config = "/etc/hv-logoff/hv-logoffd.conf"
    until("a guest without problems",
          lambda: "A logoff works, by the logoff component"
          in machine.run("hv-logoffctl doctor || true"))
    with masked(machine, "hv-logoffd", "hv-kvp-daemon"):
        check_doctor(machine, {"daemon": "masked", "kvp-daemon": "masked"})
    with contextlib.ExitStack() as stack:
        for script, repair in (
                ("systemctl stop hv-logoffd; rmmod hv_logoff; systemctl start hv-logoffd; "
                 "echo blacklist hv_logoff >/etc/modprobe.d/blacklist.conf",
                 "rm /etc/modprobe.d/blacklist.conf; modprobe hv_logoff"),
                (f"cp {config} /run/kept.conf; printf '[Logoff]\\nEscalateSec=soon\\n' >{config}",
                 f"cp /run/kept.conf {config}"),
                ("cp /usr/bin/sleep /run/hv-logoffd; "
                 "systemd-run --quiet --unit=second /run/hv-logoffd 1000",
                 "systemctl stop second")):
            stack.enter_context(broken(machine, script, repair))
        stack.enter_context(kvp_logoff.locked(machine, 1, "root"))
        stack.enter_context(masked(machine, "systemd-logind"))
        check_doctor(machine, {"module": "blacklisted", "configuration": "EscalateSec",
                               "daemon": "More than one", "pools": "keeps the pool",
                               "logind": "masked"})
    machine.wait("logoff", "negotiated")
