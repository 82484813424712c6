# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host and its guest must do. Each case gets a machine that is up, whose
daemon is attached and where nobody is logged on, and leaves it so; a machine that
is not so after a case is started anew."""

import contextlib
import random
import time

import administrators
import health
import kvp
import sessions
import versions
import vmguestos
from checks import (DISP_E_EXCEPTION, E_BUSY, E_CANCELLED, E_NO_SESSION, E_NOT_AVAIL, E_NOT_FOUND,
                    E_TIMED_OUT, S_OK, audited, check_complete_once, check_result, configure,
                    in_grace, logoff, same)
from machine import BOUND

DRIVER = "/sys/bus/vmbus/drivers/hv_logoff"

CASES = []
# What touches most of the driver in the least time.
CORE = ("several_users", "cancel_in_grace", "daemon_killed", "rescind", "renegotiate", "unbind")


def case(function):
    CASES.append(function)
    return function


def check_works(machine):
    """The way from host to logind is whole: someone is logged off."""
    machine.open_session("pam", "alice")
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    same("sessions ended", reply["ended"], 1)


@case
def stock_hyper_v(machine):
    """the stock kernel finds Hyper-V, its newest VMBus, and hv_utils' components"""
    log = machine.run("dmesg | grep -iE 'hypervisor detected|hv_vmbus|hv_utils|hv_logoff'")
    for line in log.splitlines():
        machine.say("  guest| " + line)
    assert "Hypervisor detected: Microsoft Hyper-V" in log, "no Hyper-V found"
    assert f"Vmbus version:{machine.vmbus}" in log, f"VMBus {machine.vmbus} was not negotiated"
    status = machine.ask("status")
    same("the host's VMBus version", status["vmbus"], machine.vmbus)
    for component in ("shutdown", "heartbeat", "timesync", "kvp", "logoff"):
        assert status["components"][component]["negotiated"], f"{component} is not negotiated"
        machine.say(f"{component}: {status['components'][component]}")


@case
def nobody(machine):
    """nobody is logged on: ERROR_NO_SUCH_LOGON_SESSION"""
    reply = logoff(machine).finish()
    check_result(machine, reply, E_NO_SESSION)
    same("sessions found", reply["found"], 0)


@case
def several_users(machine):
    """a terminal login, a su and two leaders: S_OK, and all are gone"""
    opened = [machine.open_session("login", "alice"), machine.open_session("su", "bob"),
              machine.open_session("pam", "carol"), machine.open_session("pam", "carol")]
    same("the sessions before", sorted(machine.sessions()), sorted(opened))
    request = logoff(machine)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("the sessions after", machine.sessions(), [])
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (4, 4, 0))
    percents = [event["percent"] for event in request.events if event["event"] == "progress"]
    assert percents, "there was no progress"
    same("progress in order", percents, sorted(percents))
    check_complete_once(machine, reply["id"])
    same("the sessions in the journal", audited(machine, reply["id"]), set(opened))


@case
def command_line(machine):
    """hvhost logoff: exit status 0 for S_OK only, and the HRESULT's name at the end"""
    nobody_on = machine.command("logoff", check=False)
    assert nobody_on.returncode != 0, "status 0 though nobody was logged on"
    assert "0x80070520" in nobody_on.stdout, nobody_on.stdout
    machine.open_session("login", "bob")
    done = machine.command("logoff", "--timeout", "120")
    for line in done.stdout.splitlines():
        machine.say("  hvhost| " + line)
    last = done.stdout.splitlines()[-1]
    assert "S_OK" in last, last


@case
def many_sessions(machine):
    """thirty sessions at once: S_OK"""
    machine.run("for i in {1..10}; do for u in alice bob carol; do open-session pam $u; done; done")
    same("sessions before", len(machine.sessions()), 30)
    reply = logoff(machine, timeout=250).finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (30, 30))
    same("the sessions after", machine.sessions(), [])


@case
def stubborn(machine):
    """a shell that ignores SIGHUP and SIGTERM is ended by escalation"""
    machine.open_session("stubborn", "carol")
    machine.open_session("login", "alice")
    machine.sessions()
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (2, 2))
    same("the sessions after", machine.sessions(), [])


@case
def force(machine):
    """FORCE kills without asking"""
    machine.open_session("stubborn", "carol")
    configure(machine, "EscalateSec=3600")
    reply = logoff(machine, force=True).finish()
    configure(machine)
    check_result(machine, reply, S_OK)
    same("the sessions after", machine.sessions(), [])


@case
def too_short(machine):
    """a deadline that is too short: VM_E_TIMED_OUT, and the rest is reported"""
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
    assert stays in left, f"{stays} is gone"
    check_result(machine, logoff(machine, force=True).finish(), S_OK)


@case
def cancel_in_grace(machine):
    """CANCEL in the grace period: ERROR_CANCELLED, nobody is logged off, and the users were told"""
    session = machine.open_session("login", "alice")
    request, name = in_grace(machine, message="The machine moves house.")
    machine.ask("cancel", id=name)
    reply = request.finish()
    check_result(machine, reply, E_CANCELLED)
    same("sessions", machine.sessions(), [session])
    same("ended", reply["ended"], 0)
    machine.wait_run(f"grep -q 'The machine moves house' /run/open-session/{session}")
    check_complete_once(machine, name)
    check_result(machine, logoff(machine).finish(), S_OK)


@case
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


@case
def same_id_twice(machine):
    """the same request id twice: one logoff, and later the same answer again"""
    session = machine.open_session("pam", "alice")
    name = "0x5e55105000000001"
    first = logoff(machine, grace=10, id=name)
    first.until(lambda event: event.get("state") == "grace")
    second = logoff(machine, grace=10, id=name)
    for request in (first, second):
        check_result(machine, request.finish(), S_OK)
    check_complete_once(machine, name)
    same("the sessions in the journal", audited(machine, name), {session})
    later = machine.open_session("pam", "bob")
    check_result(machine, logoff(machine, id=name).finish(), S_OK)
    same("the sessions after the repetition", machine.sessions(), [later])
    check_result(machine, logoff(machine).finish(), S_OK)


@case
def busy(machine):
    """a second request while one runs: ERROR_BUSY at once"""
    machine.open_session("pam", "alice")
    request, name = in_grace(machine)
    check_result(machine, logoff(machine).finish(), E_BUSY)
    assert machine.sessions(), "the refused request logged someone off"
    machine.ask("cancel", id=name)
    check_result(machine, request.finish(), E_CANCELLED)
    check_works_with(machine, 1)


def check_works_with(machine, others):
    """As check_works(), with sessions of before that are still there."""
    machine.open_session("pam", "bob")
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    same("ended", reply["ended"], others + 1)


@case
def query(machine):
    """QUERY tells where a request stands, during and after it"""
    machine.open_session("pam", "alice")
    request, name = in_grace(machine)
    same("state", machine.ask("query", id=name)["state"], "grace")
    machine.ask("cancel", id=name)
    request.finish()
    same("state", machine.ask("query", id=name)["state"], "done")
    check_works_with(machine, 1)


@case
def daemon_killed(machine):
    """SIGKILL for the daemon mid-request: another takes over, exactly one COMPLETE"""
    machine.open_session("pam", "alice")
    machine.open_session("stubborn", "carol")
    before = machine.run("systemctl show -P MainPID hv-logoffd").strip()
    request, name = in_grace(machine, grace=15)
    machine.run("systemctl kill -s KILL hv-logoffd")
    reply = request.finish()
    after = machine.run("systemctl show -P MainPID hv-logoffd").strip()
    check_result(machine, reply, S_OK)
    same("the sessions after", machine.sessions(), [])
    assert before != after, "the daemon was not killed"
    check_complete_once(machine, name)


@contextlib.contextmanager
def daemon_is_not_awaited(machine):
    """The guest's image has the driver wait long, for machines that are slow."""
    parameter = "/sys/module/hv_logoff/parameters/reattach_seconds"
    before = machine.run(f"cat {parameter}; echo 1 >{parameter}").strip()
    yield
    machine.run(f"echo {before} >{parameter}")


@case
def daemon_stays_away(machine):
    """a daemon that is killed and does not come back: DISP_E_EXCEPTION, exactly one COMPLETE"""
    machine.open_session("pam", "alice")
    request, name = in_grace(machine)
    with daemon_is_not_awaited(machine):
        machine.run("systemctl mask --runtime hv-logoffd; systemctl kill -s KILL hv-logoffd")
        check_result(machine, request.finish(), DISP_E_EXCEPTION)
    check_complete_once(machine, name)
    machine.run("systemctl unmask --runtime hv-logoffd; systemctl start hv-logoffd")
    check_works_with(machine, 1)


def check_at_once(machine):
    """Not installed, and said long before the request's time or any of the driver's is up."""
    began = time.monotonic()
    check_result(machine, logoff(machine, timeout=3000).finish(), E_NOT_AVAIL)
    took = time.monotonic() - began
    began = time.monotonic()
    machine.run("true")
    command = time.monotonic() - began
    machine.say(f"answered in {took:.2f} s; a shell command takes {command:.2f} s")
    assert took < 10 * command, "that was no answer at once"


@case
def no_daemon(machine):
    """no daemon: VM_E_ADDITIONS_FEATURE_NOT_AVAIL at once, and works again with one"""
    machine.open_session("pam", "alice")
    machine.run("systemctl stop hv-logoffd")
    check_at_once(machine)
    same("sessions that stay", len(machine.sessions()), 1)
    machine.run("systemctl start hv-logoffd")
    check_works_with(machine, 1)


@case
def never_negotiated(machine):
    """an offer that no daemon ever takes: VM_E_ADDITIONS_FEATURE_NOT_AVAIL at once"""
    machine.run("systemctl mask --runtime --now hv-logoffd")
    machine.ask("rescind", component="logoff")
    machine.wait_run("! test -e /dev/vmbus/hv_logoff")
    machine.ask("offer", component="logoff")
    machine.wait("logoff", "open")
    check_at_once(machine)
    machine.run("systemctl unmask --runtime hv-logoffd; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)


@case
def rescind(machine):
    """rescind mid-request: no crash, and the next offer works"""
    machine.open_session("pam", "alice")
    request, _ = in_grace(machine)
    machine.ask("rescind", component="logoff")
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    machine.wait_run("! test -e /dev/vmbus/hv_logoff")
    machine.ask("offer", component="logoff")
    machine.wait("logoff", "negotiated")
    check_works_with(machine, 1)


@case
def renegotiate(machine):
    """a new negotiation mid-request, as after a restore: the request goes on"""
    machine.open_session("pam", "alice")
    request, name = in_grace(machine, grace=10)
    machine.ask("negotiate", component="logoff")
    check_result(machine, request.finish(), S_OK)
    check_complete_once(machine, name)
    check_works(machine)


@case
def unbind(machine):
    """the driver is unbound mid-request: DISP_E_EXCEPTION, and bound again it works"""
    machine.open_session("pam", "alice")
    device = machine.run(f"basename {DRIVER}/*-*-*-*-*").strip()
    request, name = in_grace(machine)
    machine.run(f"echo {device} >{DRIVER}/unbind")
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    check_complete_once(machine, name)
    machine.run(f"echo {device} >{DRIVER}/bind")
    machine.wait("logoff", "negotiated")
    check_works_with(machine, 1)


@case
def rmmod(machine):
    """rmmod mid-request: refused while the daemon is there; without it a COMPLETE, no hang"""
    machine.open_session("pam", "alice")
    request, name = in_grace(machine)
    refused = machine.run("! rmmod hv_logoff")
    assert "in use" in refused, refused
    same("state after the refusal", machine.ask("query", id=name)["state"], "grace")
    machine.run("systemctl mask --runtime hv-logoffd; systemctl kill -s KILL hv-logoffd;"
                "until rmmod hv_logoff 2>/dev/null; do sleep 0.1; done")
    check_result(machine, request.finish(), DISP_E_EXCEPTION)
    check_complete_once(machine, name)
    machine.run("systemctl unmask --runtime hv-logoffd; modprobe hv_logoff")
    machine.wait("logoff", "negotiated")
    check_works_with(machine, 1)


CASES.extend(vmguestos.CASES)
CASES.extend(administrators.CASES)
CASES.extend(versions.CASES)
CASES.extend(sessions.CASES)
CASES.extend(kvp.CASES)


def beats(machine, wanted):
    """Waits for so many more answers to heartbeats; the status before and after."""
    before = machine.ask("status")
    first = machine.ask("heartbeat")["answered"]
    deadline = time.monotonic() + BOUND
    while (now := machine.ask("heartbeat"))["answered"] < first + wanted:
        assert time.monotonic() < deadline, f"no more beats: {now}"
        time.sleep(0.5)
    assert now["beating"], now
    machine.say(f"{now}")
    return machine.ask("status")["exits"] - before["exits"]


@case
def heartbeat(machine):
    """stock hv_utils beats, also loaded anew, and the idle guest costs its host little"""
    beats(machine, 1)
    # The KVP daemon holds the module; it comes back with its device.
    machine.run("systemctl stop hv-kvp-daemon && rmmod hv_utils && modprobe hv_utils")
    for component in ("heartbeat", "timesync", "shutdown", "kvp"):
        machine.wait(component, "negotiated")
    began, busy = time.monotonic(), machine.cpu()
    exits = beats(machine, 5)
    share = (machine.cpu() - busy) / (time.monotonic() - began)
    machine.say(f"over five heartbeats: {exits} exits of the guest, {share:.0%} of a processor")
    # A busy wait, in the guest or in its host, would be hundreds of thousands, and all of one.
    assert exits < 10000, f"{exits} exits over five heartbeats"
    assert share < 0.6, f"the idle guest takes {share:.0%} of a processor"


@case
def timesync(machine):
    """stock hv_utils takes the time from the host"""
    machine.run("date -s '2001-02-03 04:05:06'")
    machine.ask("timesync")
    machine.wait_run("test $(date +%Y) -gt 2001")
    offset = abs(int(machine.run("date +%s")) - time.time())
    machine.say(f"{offset:.0f} s between guest and host, of which the way takes some")
    assert offset < 60, f"the guest's clock is {offset:.0f} s off"


@case
def kernel_log(machine):
    """the guest's kernel has no complaint"""
    log = machine.run("dmesg --level=emerg,alert,crit,err,warn | grep -iE "
                      "'hv_logoff|WARNING|BUG|Oops|Call Trace|hung task|RIP:' | "
                      # the kernel's own words about every module that is not of its build
                      "grep -v 'loading out-of-tree module\\|module verification failed' || true")
    assert not log.strip(), log
    failed = machine.run("systemctl --failed --no-legend --plain")
    assert not failed.strip(), failed


def blow(machine, seed, packets):
    """A storm, of whose packets each that must be was answered, and a logoff after it."""
    machine.say(f"seed {seed}")
    storm = machine.send("storm", seed=seed, packets=packets)
    reply = storm.finish()
    machine.say(f"{reply}")
    assert reply["ok"], reply.get("error")
    same("packets sent", reply["sent"], packets)
    # All but what came after a packet that could have been taken for two, or none.
    assert reply["checked"] > packets / 20, f"only {reply['checked']} answers could be checked"
    assert reply["rescinds"] and reply["resets"], "the guest met neither a rescind nor a reset"
    check_works(machine)


RESETS = "dmesg | grep -c 'ring buffer is corrupt, opening the channel anew' || true"


@case
def lies_about_size(machine):
    """a packet that claims 64 KiB, an empty one, a header alone, garbage: a logoff works after each"""
    resets = int(machine.run(RESETS))
    closed = machine.send("wait", component="logoff", timeout=BOUND, **{"for": "closed"})
    machine.ask("inject", component="logoff", data="00", size=65536)
    assert closed.finish()["ok"], "the guest has not closed the channel"
    for options in ({"length": 0}, {"length": 28}, {"length": 4096}, {"data": "deadbeef" * 300}):
        machine.wait("logoff", "negotiated")
        check_result(machine, logoff(machine).finish(), E_NO_SESSION)
        machine.ask("inject", component="logoff", **options)
    check_result(machine, logoff(machine).finish(), E_NO_SESSION)
    same("resets by packets that are whole", int(machine.run(RESETS)), resets + 1)
    found = health.complaints(machine)
    assert not found, found


@case
def hostile_daemon(machine):
    """a daemon that writes garbage gets errors, and the next one is as well as ever"""
    machine.run("systemctl stop hv-logoffd")
    machine.wait("logoff", "negotiated")
    said = machine.run(
        "cd /dev/vmbus; for size in 0 1 15 16 24 296 1056 65536; do "
        "head -c $size /dev/urandom | dd bs=64K status=none of=hv_logoff 2>&1 && echo $size was taken; "
        "head -c $size /dev/zero | dd bs=64K status=none of=hv_logoff 2>&1 && echo $size zeros were taken; "
        "done; true")
    machine.say(said)
    # Nothing is written of nothing.
    taken = [line for line in said.splitlines()
             if "taken" in line and not line.startswith("0 ")]
    assert not taken, taken
    machine.run("systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)
    found = health.complaints(machine)
    assert not found, found


@case
def talkative_daemon(machine):
    """a daemon that tells of sessions without end does not keep the host from being heard"""
    machine.run("systemctl stop hv-logoffd")
    machine.run(r"""cat >/run/talk <<'END'
set -e
exec 3<>/dev/vmbus/hv_logoff
pad() { head -c $1 /dev/zero; }
{ printf '\1\0\0\0\30\0\0\0'; pad 8; printf '\1\0\1\0\0\0\1\0'; } | dd bs=24 iflag=fullblock status=none >&3
dd bs=4096 count=1 status=none <&3 >/dev/null
{ printf '\6\0\0\0\140\1\0\0'; pad 8; printf '\1'; pad 335; } >/run/session
for i in $(seq 200); do cat /run/session; done >/run/sessions
while dd if=/run/sessions bs=352 status=none >&3; do :; done
END
systemd-run --quiet --unit=talk bash /run/talk""")
    machine.wait("logoff", "negotiated")
    for _ in range(3):
        machine.ask("negotiate", component="logoff")
        machine.wait("logoff", "negotiated")
        for _ in range(20):
            reply = machine.send("query", id="0x1").finish()
            same("the result", reply["hresult"], E_NOT_FOUND)
    machine.run("systemctl is-active talk; systemctl stop talk; systemctl start hv-logoffd")
    machine.wait("logoff", "negotiated")
    check_works(machine)
    found = health.complaints(machine)
    assert not found, found


@case
def hostile_host(machine):
    """a storm of 2000 hostile packets: no complaint, and a logoff works after it"""
    blow(machine, random.SystemRandom().getrandbits(32), 2000)
    found = health.complaints(machine)
    assert not found, found


@case
def shutdown(machine):
    """the host asks, and stock hv_utils powers the guest off through systemd"""
    machine.run("systemd-run --quiet --unit=witness -p RemainAfterExit=yes "
                "-p ExecStop='/bin/sh -c \"echo witness: stopped in order >/dev/ttyS0\"' true")
    machine.ask("shutdown")
    machine.wait_gone()
    console = machine.console()
    assert "witness: stopped in order" in console, "systemd did not stop its units"
    assert "Power down" in console, "the kernel did not power off"
    assert "Call Trace" not in console, "the kernel complained"


# There is no machine any more after these.
ENDS = (shutdown, *vmguestos.ENDS)
