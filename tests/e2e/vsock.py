# SPDX-License-Identifier: GPL-2.0-or-later
"""Logoff by Hyper-V sockets, in a guest to which the host offers no logoff component: Debian's own
hv_sock, and hv-logoffd, which hv-logoffd.socket activates. The host's side here is a second
implementation of docs/protocol.md. Each case starts and ends as those of kvp_logoff.py."""

import collections
import secrets
import socket
import struct
import time

import kvp
import kvp_logoff
import vmguestos
from checks import E_CANCELLED, E_FAIL, S_OK, Cases, daemon_pid, same, until
from machine import BOUND

PORT = 877
NEGOTIATION, LOGOFF_TYPE = 0, 0x4C4F
LOGOFF, CANCEL, QUERY, PROGRESS, COMPLETE, TARGET, SESSION = range(1, 8)
DRY_RUN, REPLAY = 2, 1
DELIVERED, GRACE, ENDING, DONE = range(1, 5)
ENDED, SELECTED = 1, 3

HEADER = struct.Struct("<IIHHHHHHIBBH")
OPERATION = struct.Struct("<IIQ")
REPORT = struct.Struct("<IIQIIIIII256s")
OUTCOME = struct.Struct("<IIQIIII256s64s")

Report = collections.namedtuple(
    "Report", "op flags id state percent found ended failed result text")
Outcome = collections.namedtuple("Outcome", "op flags id outcome kind uid lost user session")

CASES = Cases()


def new_id():
    return secrets.randbits(63) + 1


def text_of(field):
    return field.split(b"\0")[0].decode()


class Connection:
    """A connection to the daemon, which has negotiated the newest version."""

    def __init__(self, machine):
        self.machine = machine
        self.outcomes = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(BOUND)
        self.socket.connect(str(machine.path / "vsock.sock"))
        self.file = self.socket.makefile("rb")
        self.socket.sendall(f"CONNECT {PORT}\n".encode())
        line = self.file.readline()
        assert line.startswith(b"OK "), f"no connection: {line!r}"
        self.send(NEGOTIATION, struct.pack("<HHIHHHH", 1, 1, 0, 3, 0, 1, 2))
        kind, _, _ = self.receive_message()
        same("the type of the first answer", kind, NEGOTIATION)

    def send(self, kind, body):
        self.socket.sendall(HEADER.pack(0, 20 + len(body), 3, 0, kind, 1, 2, len(body), 0, 9, 3, 0)
                            + body)

    def receive_message(self):
        """Returns the type, the status and the body, or None at the end of the connection."""
        head = self.file.read(HEADER.size)
        if not head:
            return None
        fields = HEADER.unpack(head)
        return fields[4], fields[8], self.file.read(fields[7])

    def operation(self, operation, request_id, flags=0, **options):
        body = OPERATION.pack(operation, flags, request_id)
        if operation in (LOGOFF, TARGET):
            body += struct.pack("<II1024s", options.get("timeout", BOUND), options.get("grace", 0),
                                options.get("message", "").encode())
        if operation == TARGET:
            body += struct.pack("<256s64s", options.get("user", "").encode(), b"")
        self.send(LOGOFF_TYPE, body)

    def next(self):
        """The next report; the outcomes before it are collected. None at the end."""
        while (message := self.receive_message()) is not None:
            _, status, body = message
            if not body:
                raise AssertionError(f"refused: {status:#x}")
            if OPERATION.unpack_from(body)[0] == SESSION:
                fields = OUTCOME.unpack(body)
                self.outcomes.append(Outcome(*fields[:7], *map(text_of, fields[7:])))
                continue
            report = Report(*REPORT.unpack(body)[:9], text_of(REPORT.unpack(body)[9]))
            self.machine.log(f"  vsock| {report}")
            if report.op in (COMPLETE, CANCEL):
                # That of a COMPLETE is the result.
                report = report._replace(result=status)
            return report
        return None

    def until(self, condition):
        """Waits for a report that the condition accepts; returns all up to that one."""
        seen = []
        while not seen or not condition(seen[-1]):
            seen.append(self.next())
            assert seen[-1], "the connection has ended"
        return seen

    def complete(self, request_id, result, flags=0):
        """Waits for the COMPLETE with this result; returns all reports up to it."""
        seen = self.until(lambda report: report.op == COMPLETE)
        same("the COMPLETE's id", seen[-1].id, request_id)
        same("the result", seen[-1].result, result)
        same("the flags", seen[-1].flags, flags)
        return seen

    def named(self, outcome, request_id):
        return {(entry.session, entry.user) for entry in self.outcomes
                if (entry.outcome, entry.id) == (outcome, request_id)}

    def poll(self, outcome, request_id):
        """As named(), with what has arrived: the answer to a QUERY follows it, or precedes it."""
        self.operation(QUERY, new_id())
        self.next()
        return self.named(outcome, request_id)

    def close(self):
        self.file.close()
        self.socket.close()


def begin(machine, state, **options):
    """Starts a request, and waits until it is in this state."""
    connection, request_id = Connection(machine), new_id()
    connection.operation(LOGOFF, request_id, **options)
    connection.until(lambda report: report.state == state)
    return connection, request_id


@CASES.add
def vsock_logoff(machine):
    """logoff by a Hyper-V socket: progress, outcomes, S_OK; the same id again is a replay"""
    same("the port in the answer by KVP", kvp_logoff.wait_idle(machine)[-1].get("vsock"), str(PORT))
    assert "vsock: ready, version 1.2" in machine.run("hv-logoffctl status")
    sessions = {(machine.open_session(kind, user), user) for kind, user in (
        ("login", "alice"), ("pam", "bob"), ("stubborn", "carol"))}
    watcher, connection = Connection(machine), Connection(machine)
    began = time.monotonic()
    for _ in range(20):
        watcher.poll(ENDED, 0)
    machine.log(f"a QUERY takes {(time.monotonic() - began) / 20 * 1000:.1f} ms")
    request_id = new_id()
    connection.operation(TARGET, request_id, DRY_RUN)
    connection.complete(request_id, S_OK)
    same("the selected sessions", connection.named(SELECTED, request_id), sessions)
    request_id = new_id()
    connection.operation(LOGOFF, request_id, grace=3, message="Maintenance")
    seen = connection.complete(request_id, S_OK)
    same("the counts", (seen[-1].found, seen[-1].ended, seen[-1].failed), (3, 3, 0))
    same("the sessions that have ended", connection.named(ENDED, request_id), sessions)
    assert any(report.state == GRACE for report in seen), "no report of the grace period"
    percents = [report.percent for report in seen]
    assert percents == sorted(percents) and percents[-1] == 100, percents
    kvp_logoff.same_sessions(machine, [])
    again = machine.open_session("pam", "alice")
    connection.operation(LOGOFF, request_id)
    connection.complete(request_id, S_OK, REPLAY)
    kvp_logoff.same_sessions(machine, [again])
    # Nobody has requested this end.
    kvp_logoff.log_off_all(machine)
    until("the end of the last session", lambda: (again, "alice") in watcher.poll(ENDED, 0))
    same("what the watcher has seen", watcher.named(ENDED, request_id), sessions)
    watcher.close()
    connection.close()


@CASES.add
def vsock_connection_cut(machine):
    """the connection ends during a request, which continues; another one asks, and cancels it"""
    session = machine.open_session("pam", "alice")
    connection, request_id = begin(machine, GRACE, grace=200)
    connection.close()
    connection = Connection(machine)
    connection.operation(QUERY, request_id)
    same("the state", connection.next().state, GRACE)
    connection.operation(CANCEL, request_id)
    same("the answer to CANCEL", connection.next().result, S_OK)
    connection.operation(LOGOFF, request_id)
    connection.complete(request_id, E_CANCELLED, REPLAY)
    kvp_logoff.same_sessions(machine, [session])
    connection.operation(CANCEL, request_id)
    same("the second answer to CANCEL", connection.next().result, E_FAIL)
    connection.close()
    kvp_logoff.log_off_all(machine)


@CASES.add
def vsock_daemon_killed(machine):
    """hv-logoffd is killed in both states of a request; a connection activates another one"""
    session = machine.open_session("stubborn", "carol")
    for state, grace, result, flags in ((GRACE, 200, E_CANCELLED, REPLAY), (ENDING, 0, S_OK, 0)):
        connection, request_id = begin(machine, state, grace=grace)
        before = daemon_pid(machine)
        machine.run("systemctl kill -s KILL hv-logoffd")
        while connection.next():
            pass
        connection.close()
        connection = Connection(machine)
        assert daemon_pid(machine) != before, "the daemon was not killed"
        connection.operation(LOGOFF, request_id)
        connection.complete(request_id, result, flags)
        kvp_logoff.same_sessions(machine, [session] if result else [])
        connection.close()
    machine.run("systemctl stop hv-logoffd")
    Connection(machine).close()
    same("the daemon's state", machine.run("systemctl is-active hv-logoffd").strip(), "active")
    kvp_logoff.wait_idle(machine)


@CASES.add
def vsock_local_user(machine):
    """users of the guest can neither connect by vsock_loopback nor listen at the port"""
    machine.run("modprobe vsock_loopback")
    before = daemon_pid(machine)
    for user in ("alice", "root"):
        same(f"the connection of {user}",
             machine.run(f"runuser -u {user} -- vsock-peer connect 1 {PORT}").strip(), "closed")
    same("the daemon", daemon_pid(machine), before)
    log = machine.run("journalctl --sync; journalctl -b -u hv-logoffd -g 'Refused a connection'")
    assert "CID 1, port" in log, log
    machine.run("systemctl stop hv-logoffd.socket hv-logoffd")
    same("the listener of alice",
         machine.run(f"runuser -u alice -- vsock-peer listen {PORT}").strip(), "Permission denied")
    same("a listener of root", machine.run(f"vsock-peer listen {PORT}").strip(), "listens")
    # The service starts its socket first, also when it is only restarted.
    for script in ("start", "stop hv-logoffd.socket; systemctl restart"):
        machine.run(f"systemctl {script} hv-logoffd")
        same("the socket", machine.run("systemctl is-active hv-logoffd.socket").strip(), "active")
    kvp_logoff.wait_idle(machine)


@CASES.add
def vsock_vmlogoff(machine):
    """vmlogoff takes the socket by itself: cancelled, logged off, events; later it takes KVP"""
    # The source of events is chosen at the start, by what the answer by KVP says.
    kvp_logoff.wait_answer(machine, lambda now: now["state"] == "idle" and "vsock" in now)
    watcher = vmguestos.Vmlogoff(machine, "--watch")
    watcher.until(lambda event: event.get("reports"))
    vmguestos.check_cancelled_by_interrupt(machine)
    for cancel in ("--cancel={}", "--cancel"):
        command = vmguestos.Vmlogoff(machine, "--timeout", "1000", "--grace", "900")
        request_id = command.in_grace()["id"]
        vmguestos.Vmlogoff(machine, cancel.format(request_id)).finish(vmguestos.OK)
        command.finish(vmguestos.CANCELLED)
    vmguestos.Vmlogoff(machine, "--cancel").finish(vmguestos.NOT_FOUND)
    vmguestos.Vmlogoff(machine, "--timeout", "120").finish(vmguestos.OK)
    vmguestos.check_names(machine)
    last = vmguestos.Vmlogoff(machine, "--timeout", "120").finish(vmguestos.OK)
    same("the transport", last["via"], "vsock")
    assert ("ended", "bob") in vmguestos.outcomes(last), last
    kvp_logoff.same_sessions(machine, [])
    event = watcher.until(lambda event: event.get("id") == last["id"])
    same("the event", (event["event"], event["type"], event["user"]), ("logoff", "external", "bob"))
    watcher.interrupt()
    watcher.finish(vmguestos.OK)
    # Nothing listens any more, and the answer by KVP says so.
    machine.run("systemctl mask --runtime --now hv-logoffd.socket; systemctl restart hv-logoffd")
    kvp_logoff.wait_answer(machine, lambda now: now["state"] == "idle" and "vsock" not in now)
    machine.open_session("pam", "alice")
    vmguestos.Vmlogoff(machine, "--via=vsock").finish(vmguestos.NOT_AVAILABLE)
    last = vmguestos.Vmlogoff(machine, "--timeout", "120").finish(vmguestos.OK)
    same("the transport", last["via"], "kvp")
    machine.run("systemctl unmask --runtime hv-logoffd.socket; systemctl restart hv-logoffd")
    kvp_logoff.wait_answer(machine, lambda now: now["state"] == "idle" and "vsock" in now)


@CASES.add
def vsock_walk(machine):
    """a client of libvmguestos receives each HRESULT by a Hyper-V socket, and the events"""
    vmguestos.walk(machine, "walk-c", "vsock")
    kvp_logoff.wait_idle(machine)


@CASES.add
def vsock_guest_reset(machine):
    """the guest is reset during a request by a socket: DISP_E_EXCEPTION, no repetition"""
    machine.open_session("pam", "alice")
    command = vmguestos.Vmlogoff(machine, "--via=vsock", "--timeout", "1000", "--grace", "900")
    command.in_grace()
    kvp.reboot(machine, "reset")
    session = machine.open_session("pam", "bob")
    command.finish(vmguestos.EXCEPTION)
    kvp_logoff.same_sessions(machine, [session])
    kvp_logoff.log_off_all(machine)
