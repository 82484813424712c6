# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases about the logoff component, hv_utils and invalid packets. Each case gets a running
machine whose daemon has negotiated and where no user is logged on, and must restore that state;
otherwise the next case boots another machine."""

import contextlib
import random
import time

import administrators
import at_most_once
import cgroup_v1
import ctl
import health
import kvp
import nologin
import notices
import outside
import real_sessions
import returns
import sessions
import sockets
import user_managers
import versions
import vmguestos
from checks import (DISP_E_EXCEPTION, DRIVER, E_BUSY, E_CANCELLED, E_NO_SESSION,
                    E_NOT_AVAIL, E_NOT_FOUND, E_TIMED_OUT, S_OK, Cases, audited, bound_device,
                    check_complete_once, check_result, configure, daemon_pid, in_grace, logoff,
                    offer, same, until, wait_device_gone, wait_done)
from machine import BOUND

CASES = Cases()
# These exercise most of the driver in the least time.
CORE = ("several_users", "cancel_in_grace", "daemon_killed", "rescind", "renegotiate", "unbind")
# These depend on the release of systemd and util-linux in the guest.
RELEASE = ("several_users", "cancel_in_grace", "user_manager", "user_manager_stays", "nested_groups",
           "notices")
CGROUP_V1 = tuple(case.__name__ for case in cgroup_v1.LEGACY + cgroup_v1.HYBRID)
# Those of Debian 13's image.
REAL_SESSIONS = tuple(case.__name__ for case in real_sessions.CASES)
GROUPS = {"core": CORE, "release": RELEASE, "cgroup_v1": CGROUP_V1,
          "real_sessions": REAL_SESSIONS}


def check_works(machine, others=0):
    """A logoff ends a new session, and `others` that are already open."""
    machine.open_session("pam", "bob")
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    same("sessions ended", reply["ended"], others + 1)


@CASES.add
def stock_hyper_v(machine):
    """the stock kernel detects Hyper-V, and negotiates the newest VMBus and all components"""
    log = machine.run("dmesg | grep -iE 'hypervisor detected|hv_vmbus|hv_utils|hv_logoff'")
    for line in log.splitlines():
        machine.log("  guest| " + line)
    assert "Hypervisor detected: Microsoft Hyper-V" in log, "Hyper-V was not detected"
    assert f"Vmbus version:{machine.vmbus}" in log, f"VMBus {machine.vmbus} was not negotiated"
    status = machine.rpc("status")
    same("the host's VMBus version", status["vmbus"], machine.vmbus)
    for component in ("shutdown", "heartbeat", "timesync", "kvp", "logoff"):
        assert status["components"][component]["negotiated"], f"{component} is not negotiated"
        machine.log(f"{component}: {status['components'][component]}")


@CASES.add
def nobody(machine):
    """no user is logged on: ERROR_NO_SUCH_LOGON_SESSION"""
    reply = logoff(machine).finish()
    check_result(machine, reply, E_NO_SESSION)
    same("sessions found", reply["found"], 0)


@CASES.add
def several_users(machine):
    """a terminal login, su and two PAM sessions: S_OK, and no session is left"""
    opened = [machine.open_session("login", "alice"), machine.open_session("su", "bob"),
              machine.open_session("pam", "carol"), machine.open_session("pam", "carol")]
    same("the sessions before", sorted(machine.sessions()), sorted(opened))
    request = logoff(machine)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("the sessions after", machine.sessions(), [])
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (4, 4, 0))
    percents = [event["percent"] for event in request.events if event["event"] == "progress"]
    assert percents, "no progress was reported"
    same("progress in order", percents, sorted(percents))
    check_complete_once(machine, reply["id"])
    same("the sessions in the journal", audited(machine, reply["id"]), set(opened))


@CASES.add
def command_line(machine):
    """hvhost logoff: exit status 0 for S_OK only, and the HRESULT's name in the last line"""
    nobody_on = machine.command("logoff", check=False)
    assert nobody_on.returncode != 0, "status 0 though no user was logged on"
    assert "0x80070520" in nobody_on.stdout, nobody_on.stdout
    machine.open_session("login", "bob")
    done = machine.command("logoff", "--timeout", "120")
    for line in done.stdout.splitlines():
        machine.log("  hvhost| " + line)
    last = done.stdout.splitlines()[-1]
    assert "S_OK" in last, last


@CASES.add
def many_sessions(machine):
    """thirty sessions at once: S_OK"""
    machine.run("for i in {1..10}; do for u in alice bob carol; do open-session pam $u; done; done")
    same("sessions before", len(machine.sessions()), 30)
    reply = logoff(machine, timeout=250).finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (30, 30))
    same("the sessions after", machine.sessions(), [])


@CASES.add
def stubborn(machine):
    """a shell that ignores SIGHUP and SIGTERM is killed after EscalateSec"""
    machine.open_session("stubborn", "carol")
    machine.open_session("login", "alice")
    machine.sessions()
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (2, 2))
    same("the sessions after", machine.sessions(), [])


@CASES.add
def force(machine):
    """FORCE kills at once"""
    machine.open_session("stubborn", "carol")
    configure(machine, "EscalateSec=3600")
    reply = logoff(machine, force=True).finish()
    configure(machine)
    check_result(machine, reply, S_OK)
    same("the sessions after", machine.sessions(), [])


@CASES.add
def timeout_too_short(machine):
    """a timeout that is too short: VM_E_TIMED_OUT, and the remaining session counts as failed"""
    stays = machine.open_session("stubborn", "carol")
    machine.open_session("pam", "alice")
    configure(machine, "EscalateSec=3600")
    reply = logoff(machine, timeout=20).finish()
    left = machine.sessions()
    configure(machine)
    check_result(machine, reply, E_TIMED_OUT)
    same("found", reply["found"], 2)
    same("failed", reply["failed"], 1)
    same("ended", reply["ended"], 1)
    assert stays in left, f"{stays} has ended"
    check_result(machine, logoff(machine, force=True).finish(), S_OK)


@CASES.add
def cancel_in_grace(machine):
    """CANCEL in the grace period: ERROR_CANCELLED, no session ends, users got the message"""
    session = machine.open_session("login", "alice")
    request, request_id = in_grace(machine, message="This machine will be moved.")
    machine.rpc("cancel", id=request_id)
    reply = request.finish()
    check_result(machine, reply, E_CANCELLED)
    same("sessions", machine.sessions(), [session])
    same("ended", reply["ended"], 0)
    machine.wait_run(f"grep -q 'This machine will be moved' /run/open-session/{session}")
    check_complete_once(machine, request_id)
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def cancel_not_read(machine):
    """the daemon is killed with an unread CANCEL: ERROR_CANCELLED, the next one ends no session"""
    session = machine.open_session("pam", "alice")
    request, request_id = in_grace(machine, grace=15)
    machine.run("systemctl kill -s STOP hv-logoffd")
    same("the reply to CANCEL", machine.rpc("cancel", id=request_id)["hresult"], S_OK)
    before = daemon_pid(machine)
    machine.run("systemctl kill -s KILL hv-logoffd")
    check_result(machine, request.finish(), E_CANCELLED)
    until("another daemon", lambda: daemon_pid(machine) not in (before, "0"))
    same("sessions", machine.sessions(), [session])
    check_complete_once(machine, request_id)
    machine.wait_run("systemctl -q is-active hv-logoffd")
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def exempt(machine):
    """an exempt user stays logged on"""
    stays = machine.open_session("pam", "bob")
    machine.open_session("pam", "alice")
    configure(machine, "ExemptUsers=bob")
    reply = logoff(machine).finish()
    left = machine.sessions()
    configure(machine)
    check_result(machine, reply, S_OK)
    same("found", reply["found"], 1)
    same("the sessions after", left, [stays])
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def same_id_twice(machine):
    """the same request id twice: one logoff, and later the same result again"""
    session = machine.open_session("pam", "alice")
    request_id = "0x5e55105000000001"
    first = logoff(machine, grace=10, id=request_id)
    first.until(lambda event: event.get("state") == "grace")
    second = logoff(machine, grace=10, id=request_id)
    for request in (first, second):
        check_result(machine, request.finish(), S_OK)
    check_complete_once(machine, request_id)
    same("the sessions in the journal", audited(machine, request_id), {session})
    later = machine.open_session("pam", "bob")
    check_result(machine, logoff(machine, id=request_id).finish(), S_OK)
    same("the sessions after the repetition", machine.sessions(), [later])
    check_result(machine, logoff(machine).finish(), S_OK)


@CASES.add
def busy(machine):
    """a second request while one is in progress: ERROR_BUSY at once"""
    machine.open_session("pam", "alice")
    request, request_id = in_grace(machine)
    check_result(machine, logoff(machine).finish(), E_BUSY)
    assert machine.sessions(), "the refused request ended the session"
    machine.rpc("cancel", id=request_id)
    check_result(machine, request.finish(), E_CANCELLED)
    check_works(machine, others=1)


@CASES.add
def query(machine):
    """QUERY returns the state of a request, during and after it"""
    machine.open_session("pam", "alice")
    request, request_id = in_grace(machine)
    same("state", machine.rpc("query", id=request_id)["state"], "grace")
    machine.rpc("cancel", id=request_id)
    request.finish()
    same("state", machine.rpc("query", id=request_id)["state"], "done")
    check_works(machine, others=1)


@CASES.add
def daemon_killed(machine):
    """the daemon is killed during a request: the next one continues it, exactly one COMPLETE"""
    machine.open_session("pam", "alice")
    machine.open_session("stubborn", "carol")
    before = daemon_pid(machine)
    request, request_id = in_grace(machine, grace=15)
    machine.run("systemctl kill -s KILL hv-logoffd")
    reply = request.finish()
    after = daemon_pid(machine)
    check_result(machine, reply, S_OK)
    same("the sessions after", machine.sessions(), [])
    assert before != after, "the daemon was not killed"
    check_complete_once(machine, request_id)


@contextlib.contextmanager
def short_reattach_timeout(machine):
    """The guest's image sets a long timeout, for slow machines."""
    parameter = "/sys/module/hv_logoff/parameters/reattach_seconds"
    before = machine.run(f"cat {parameter}; echo 1 >{parameter}").strip()
    yield
    machine.run(f"echo {before} >{parameter}")


@CASES.add
def daemon_not_restarted(machine):
    """the daemon is killed and not restarted: DISP_E_EXCEPTION, exactly one COMPLETE"""
    machine.open_session("pam", "alice")
    request, request_id = in_grace(machine)
    with short_reattach_timeout(machine):
        machine.run("systemctl mask --runtime hv-logoffd; systemctl kill -s KILL hv-logoffd")
        check_result(machine, request.finish(), DISP_E_EXCEPTION)
    check_complete_once(machine, request_id)
    machine.run("systemctl unmask --runtime hv-logoffd; systemctl start hv-logoffd")
    check_works(machine, others=1)


def check_not_available(machine):
    """The reply is that the feature is not available, long before any timeout expires."""
    began = time.monotonic()
    check_result(machine, logoff(machine, timeout=3000).finish(), E_NOT_AVAIL)
    took = time.monotonic() - began
    began = time.monotonic()
    machine.run("true")
    command = time.monotonic() - began
    machine.log(f"the reply took {took:.2f} s; a shell command takes {command:.2f} s")
    assert took < 10 * command, "the reply was not immediate"


@CASES.add
def no_daemon(machine):
    """no daemon: VM_E_ADDITIONS_FEATURE_NOT_AVAIL at once; with a daemon, logoffs work again"""
    machine.open_session("pam", "alice")
    machine.run("systemctl stop hv-logoffd")
    check_not_available(machine)
    same("the number of sessions left", len(machine.sessions()), 1)
    machine.run("systemctl start hv-logoffd")
    check_works(machine, others=1)


@CASES.add
def never_negotiated(machine):
    """an offer that never had a daemon: VM_E_ADDITIONS_FEATURE_NOT_AVAIL at once"""
    machine.run("systemctl mask --runtime --now hv-logoffd")
    machine.rpc("rescind", component="logoff")
    wait_device_gone(machine)
    machine.rpc("offer", component="logoff")
    machine.wait("logoff", "open")
    check_not_available(machine)
    machine.run("systemctl unmask --runtime hv-logoffd; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)


@CASES.add
def rescind(machine):
    """the offer is rescinded during a request: DISP_E_EXCEPTION, and the next offer works"""
    machine.open_session("pam", "alice")
    request, _ = in_grace(machine)
    machine.rpc("rescind", component="logoff")
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    wait_device_gone(machine)
    offer(machine)
    check_works(machine, others=1)


@CASES.add
def renegotiate(machine):
    """a new negotiation during a request, as after a restore: the request continues"""
    machine.open_session("pam", "alice")
    request, request_id = in_grace(machine, grace=10)
    machine.rpc("negotiate", component="logoff")
    check_result(machine, request.finish(), S_OK)
    check_complete_once(machine, request_id)
    check_works(machine)


@CASES.add
def unbind(machine):
    """the driver is unbound during a request: DISP_E_EXCEPTION, and works once bound again"""
    machine.open_session("pam", "alice")
    device = bound_device(machine)
    request, request_id = in_grace(machine)
    machine.run(f"echo {device} >{DRIVER}/unbind")
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    check_complete_once(machine, request_id)
    machine.run(f"echo {device} >{DRIVER}/bind")
    machine.wait("logoff", "negotiated")
    check_works(machine, others=1)


@CASES.add
def rmmod(machine):
    """rmmod during a request: refused while the daemon runs; without it, a COMPLETE and no hang"""
    machine.open_session("pam", "alice")
    request, request_id = in_grace(machine)
    refused = machine.run("! rmmod hv_logoff")
    assert "in use" in refused, refused
    same("state after the refusal", machine.rpc("query", id=request_id)["state"], "grace")
    machine.run("systemctl mask --runtime hv-logoffd; systemctl kill -s KILL hv-logoffd;"
                "until rmmod hv_logoff 2>/dev/null; do sleep 0.1; done")
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    check_complete_once(machine, request_id)
    machine.run("systemctl unmask --runtime hv-logoffd; modprobe hv_logoff")
    machine.wait("logoff", "negotiated")
    check_works(machine, others=1)


CASES.extend(vmguestos.CASES)
CASES.extend(administrators.CASES)
CASES.extend(versions.CASES)
CASES.extend(sessions.CASES)
CASES.extend(returns.CASES)
CASES.extend(user_managers.CASES)
CASES.extend(at_most_once.CASES)
CASES.extend(outside.CASES)
CASES.extend(nologin.CASES)
CASES.extend(ctl.CASES)
CASES.extend(notices.CASES)
CASES.extend(kvp.CASES)
CASES.extend(sockets.CASES)


def wait_heartbeats(machine, wanted):
    """Waits for that many more answered heartbeats; returns the guest's exits in the meantime."""
    before = machine.rpc("status")
    first = machine.rpc("heartbeat")["answered"]

    def reached():
        now = machine.rpc("heartbeat")
        return now if now["answered"] >= first + wanted else None

    now = until("heartbeats", reached)
    assert now["beating"], now
    machine.log(f"{now}")
    return machine.rpc("status")["exits"] - before["exits"]


@CASES.add
def heartbeat(machine):
    """stock hv_utils answers heartbeats, even after a reload; the idle guest causes few exits"""
    wait_heartbeats(machine, 1)
    # The KVP daemon holds the module. It starts again with its device.
    machine.run("systemctl stop hv-kvp-daemon && rmmod hv_utils && modprobe hv_utils")
    for component in ("heartbeat", "timesync", "shutdown", "kvp"):
        machine.wait(component, "negotiated")
    began, busy = time.monotonic(), machine.cpu()
    exits = wait_heartbeats(machine, 5)
    share = (machine.cpu() - busy) / (time.monotonic() - began)
    machine.log(f"over five heartbeats: {exits} exits of the guest, {share:.0%} of a processor")
    # A busy wait in the guest or in hvhost would cause hundreds of thousands of exits, or use a
    # whole processor.
    assert exits < 10000, f"{exits} exits over five heartbeats"
    assert share < 0.6, f"the idle guest uses {share:.0%} of a processor"


@CASES.add
def timesync(machine):
    """stock hv_utils sets the clock to the host's time"""
    machine.run("date -s '2001-02-03 04:05:06'")
    machine.rpc("timesync")
    machine.wait_run("test $(date +%Y) -gt 2001")
    offset = abs(int(machine.run("date +%s")) - time.time())
    machine.log(f"the clocks differ by {offset:.0f} s, which includes the time of the command")
    assert offset < 60, f"the guest's clock is {offset:.0f} s off"


@CASES.add
def kernel_log(machine):
    """the guest's kernel has logged no error"""
    log = machine.run("dmesg --level=emerg,alert,crit,err,warn | grep -iE "
                      "'hv_logoff|WARNING|BUG|Oops|Call Trace|hung task|RIP:' | "
                      # The kernel logs these for every out-of-tree module.
                      "grep -v 'loading out-of-tree module\\|module verification failed' || true")
    assert not log.strip(), log
    failed = machine.run("systemctl --failed --no-legend --plain")
    assert not failed.strip(), failed


def run_storm(machine, seed, packets):
    """Runs a storm, during which the guest must answer each packet that requires an answer, and
    then a logoff."""
    machine.log(f"seed {seed}")
    storm = machine.send("storm", seed=seed, packets=packets)
    reply = storm.finish()
    machine.log(f"{reply}")
    assert reply["ok"], reply.get("error")
    same("packets sent", reply["sent"], packets)
    # Answers after a packet that may be parsed as two, or as none, cannot be checked.
    assert reply["checked"] > packets / 20, f"only {reply['checked']} answers could be checked"
    assert reply["rescinds"] and reply["resets"], "there was no rescind or no reset of the channel"
    check_works(machine)


def check_no_complaints(machine):
    found = health.complaints(machine)
    assert not found, found


RESETS = "dmesg | grep -c 'ring buffer is corrupt, reopening the channel' || true"


@CASES.add
def false_sizes(machine):
    """a packet that claims 64 KiB, an empty one, only a header, garbage: logoffs work after each"""
    resets = int(machine.run(RESETS))
    closed = machine.send("wait", component="logoff", timeout=BOUND, **{"for": "closed"})
    machine.rpc("inject", component="logoff", data="00", size=65536)
    assert closed.finish()["ok"], "the guest did not close the channel"
    for options in ({"length": 0}, {"length": 28}, {"length": 4096}, {"data": "deadbeef" * 300}):
        machine.wait("logoff", "negotiated")
        check_result(machine, logoff(machine).finish(), E_NO_SESSION)
        machine.rpc("inject", component="logoff", **options)
    check_result(machine, logoff(machine).finish(), E_NO_SESSION)
    same("resets in total", int(machine.run(RESETS)), resets + 1)
    check_no_complaints(machine)


@CASES.add
def open_refused(machine):
    """an interrupt after the host has refused to open the channel is ignored; a later bind works"""
    device = bound_device(machine)
    machine.run(f"echo {device} >{DRIVER}/unbind")
    machine.rpc("refuse", component="logoff")
    machine.run(f"! echo {device} >{DRIVER}/bind")
    machine.rpc("accept", component="logoff")
    machine.run(f"echo {device} >{DRIVER}/bind")
    machine.wait("logoff", "negotiated")
    check_works(machine)
    check_no_complaints(machine)


@CASES.add
def reopen_refused(machine):
    """the host refuses to reopen a corrupt channel: the request continues once it accepts"""
    machine.open_session("pam", "alice")
    request, request_id = in_grace(machine)
    closed = machine.send("wait", component="logoff", timeout=BOUND, **{"for": "closed"})
    machine.rpc("refuse", component="logoff")
    machine.rpc("inject", component="logoff", data="00", size=65536)
    assert closed.finish()["ok"], "the guest did not close the channel"
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    machine.wait_run("dmesg | grep -q 'reopen the channel: .* trying again in 1000 ms'")
    machine.rpc("accept", component="logoff")
    machine.wait("logoff", "negotiated")
    same("the reply to CANCEL", machine.rpc("cancel", id=request_id)["hresult"], S_OK)
    wait_done(machine, request_id)
    check_complete_once(machine, request_id)
    check_works(machine, others=1)
    check_no_complaints(machine)


@CASES.add
def hostile_daemon(machine):
    """a daemon that writes garbage gets errors, and the next daemon works"""
    machine.run("systemctl stop hv-logoffd")
    machine.wait("logoff", "negotiated")
    output = machine.run(
        "cd /dev/vmbus; for size in 0 1 15 16 24 296 1056 65536; do for source in urandom zero; do "
        "head -c $size /dev/$source | dd bs=64K status=none of=hv_logoff 2>&1 && "
        "echo $size bytes of $source were accepted; "
        "done; done; true")
    machine.log(output)
    # A write of no bytes succeeds.
    accepted = [line for line in output.splitlines()
                if "accepted" in line and not line.startswith("0 ")]
    assert not accepted, accepted
    machine.run("systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)
    check_no_complaints(machine)


@CASES.add
def session_flood(machine):
    """while a daemon writes session records continuously, the driver still serves the host"""
    machine.run("systemctl stop hv-logoffd")
    machine.run(r"""cat >/run/flood <<'END'
set -e
exec 3<>/dev/vmbus/hv_logoff
pad() { head -c $1 /dev/zero; }
{ printf '\1\0\0\0\30\0\0\0'; pad 8; printf '\1\0\1\0\0\0\1\0'; } |
  dd bs=24 iflag=fullblock status=none >&3
dd bs=4096 count=1 status=none <&3 >/dev/null
{ printf '\6\0\0\0\140\1\0\0'; pad 8; printf '\1'; pad 335; } >/run/session
for i in $(seq 200); do cat /run/session; done >/run/sessions
while dd if=/run/sessions bs=352 status=none >&3; do :; done
END
systemd-run --quiet --unit=flood bash /run/flood""")
    machine.wait("logoff", "negotiated")
    for _ in range(3):
        machine.rpc("negotiate", component="logoff")
        machine.wait("logoff", "negotiated")
        for _ in range(20):
            reply = machine.send("query", id="0x1").finish()
            same("the result", reply["hresult"], E_NOT_FOUND)
    machine.run("systemctl is-active flood; systemctl stop flood; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)
    check_no_complaints(machine)


@CASES.add
def hostile_host(machine):
    """a storm of 2000 invalid packets: no kernel diagnostic, and a logoff works after it"""
    run_storm(machine, random.SystemRandom().getrandbits(32), 2000)
    check_no_complaints(machine)


@CASES.add
def shutdown(machine):
    """at the host's request, stock hv_utils powers the guest off through systemd"""
    machine.run("systemd-run --quiet --unit=stopped -p RemainAfterExit=yes "
                "-p ExecStop='/bin/sh -c \"echo unit stopped >/dev/ttyS0\"' true")
    machine.rpc("shutdown")
    machine.wait_gone()
    console = machine.console()
    assert "unit stopped" in console, "systemd did not stop its units"
    assert "Power down" in console, "the kernel did not power off"
    assert "Call Trace" not in console, "the kernel logged a call trace"


# Without these, each of which takes half a minute or more, the cases are those of make test.
SLOW = ("guests_with_1_0", "kvp_guest_rebooted", "kvp_reboot", "many_sessions", "second_machine",
        "session_end_kinds", "sockets_nobody", "sockets_slow", "user_manager_stubborn",
        "vsock_guest_reset")

# These end the machine.
ENDS = (shutdown, *vmguestos.ENDS)
