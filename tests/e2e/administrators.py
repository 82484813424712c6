# SPDX-License-Identifier: GPL-2.0-or-later
"""Permissions on a machine, concurrent administrators, and several machines at once."""

import collections
import contextlib
import json
import multiprocessing
import os
import socket
import subprocess

from checks import (E_BUSY, E_CANCELLED, E_DENIED, E_INVALIDARG, E_NO_SESSION, E_NOT_RUNNING, S_OK,
                    Cases, built, check_complete_once, check_requires_1_1, check_result, configure,
                    daemon_pid, in_grace, logoff, same, until)
from machine import BOOT, BOUND

# A user and a group that may control the machines of these tests; see Lab.boot() in run.py.
ALLOWED_USER = "64010"  # a uid without an account
ALLOWED_GROUP = "games"

Client = collections.namedtuple("Client", "user group groups")
NOBODY = Client(65534, 65534, [])
USER = Client(int(ALLOWED_USER), 65534, [])
MEMBER = Client(65534, 65534, [61, 60])

EXECUTE = ("watch", "wait", "logoff", "cancel", "query", "complete_count", "shutdown", "heartbeat",
           "timesync", "kvp_add", "kvp_modify", "kvp_remove", "kvp_host_items", "kvp_guest_items",
           "kvp_intrinsic_items", "kvp_get", "kvp_pool")
OWNER = ("console", "input", "exec", "rescind", "offer", "negotiate", "stall", "resume", "refuse",
         "accept", "storm", "inject", "reset", "stop")

CASES = Cases()


@contextlib.contextmanager
def reachable(machine):
    """Lets other users into the folder with the control sockets, which only root may enter."""
    os.chmod(machine.folder, 0o711)
    yield
    os.chmod(machine.folder, 0o700)


def converse(folder, commands):
    """Returns the final reply to each command."""
    replies = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "control.sock"))
        answers = connection.makefile(encoding="utf-8")
        for command in commands:
            connection.sendall((json.dumps(command) + "\n").encode())
            replies.append(next(reply for reply in map(json.loads, answers) if "ok" in reply))
    return replies


def connect_to_guest(folder, port):
    """Returns what comes after CONNECT: nothing if the connection is closed."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "vsock.sock"))
        try:
            connection.sendall(f"CONNECT {port}\n".encode())
            return connection.recv(64)
        except (BrokenPipeError, ConnectionResetError):
            return b""


class ClientProcess:
    """A process that calls a function with the credentials of another user."""

    def __init__(self, client, call, *arguments):
        def run():
            os.setgroups(client.groups)
            os.setgid(client.group)
            os.setuid(client.user)
            sender.send(call(*arguments))

        # fork, not exec: the other user may lack access to the interpreter.
        context = multiprocessing.get_context("fork")
        self.receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=run)
        self.process.start()
        sender.close()

    def finish(self):
        """Returns the function's value."""
        assert self.receiver.poll(2 * BOUND), "no reply"
        value = self.receiver.recv()
        self.process.join()
        return value


def send_as(client, machine, *commands):
    return ClientProcess(client, converse, machine.path, commands).finish()


def check_refused(machine, client, names):
    replies = send_as(client, machine, *({"command": name} for name in names))
    same("the number of replies", len(replies), len(names))
    for name, reply in zip(names, replies):
        assert not reply["ok"] and reply["hresult"] == E_DENIED, f"{name}: {reply}"
    machine.log(f"refused: {replies[-1]['error']}")
    wait_logged(machine, [f"denied: {name} by user {client.user}, group {client.group}, process "
                          for name in names])


def check_no_socket(machine, client):
    """The client cannot connect to a port of the guest."""
    answer = ClientProcess(client, connect_to_guest, machine.path, 877).finish()
    same("the answer to CONNECT", answer, b"")
    wait_logged(machine, [f"denied: vsock by user {client.user}, group {client.group}, process "])


def check_allowed(machine, client, names):
    """The client has the permission. The commands may fail for lack of parameters."""
    replies = send_as(client, machine, *({"command": name} for name in names))
    same("the number of replies", len(replies), len(names))
    for name, reply in zip(names, replies):
        assert reply.get("hresult") != E_DENIED, f"{name}: {reply}"


def wait_logged(machine, lines):
    """Waits until hvhost.log contains all of the lines."""
    log = machine.path / "hvhost.log"

    def logged():
        text = log.read_text(errors="replace")
        return all(line in text for line in lines)

    until(f"lines in hvhost.log: {lines}", logged)


def configuration(machine):
    return json.loads((machine.path / "machine.json").read_text())


@CASES.add
def permission(machine):
    """without permission 0x80070005 and a log entry; forged credentials are rejected"""
    assert os.geteuid() == 0, "this case needs root to switch users: sudo make e2e"
    kept = configuration(machine)
    same("the allowed users and groups", (kept["allow_users"], kept["allow_groups"]),
         ([64010], [60]))
    session = machine.open_session("pam", "alice")
    with reachable(machine):
        same("status", [reply["ok"] for reply in send_as(NOBODY, machine, {"command": "status"})],
             [True])
        check_refused(machine, NOBODY, EXECUTE + OWNER)
        check_no_socket(machine, NOBODY)
        # Only the relay into an outer machine may send a peer's credentials.
        root = {"peer": {"pid": 1, "uid": 0, "gid": 0, "permission": 2}, "stream": 17}
        forged, denied = send_as(NOBODY, machine, root, {"command": "logoff", **root})
        same("the reply to forged credentials", (forged["ok"], forged["hresult"]),
             (False, E_INVALIDARG))
        same("the reply to a subsequent logoff", (denied["ok"], denied["hresult"]),
             (False, E_DENIED))
        same("the sessions", machine.sessions(), [session])
        for client in (USER, MEMBER):
            check_refused(machine, client, OWNER)
            check_allowed(machine, client, set(EXECUTE) - {"watch", "logoff", "shutdown"})
        same("the allowed user's logoff",
             send_as(USER, machine, {"command": "logoff"})[0]["hresult"], S_OK)
        same("the group member's logoff",
             send_as(MEMBER, machine, {"command": "logoff"})[0]["hresult"], E_NO_SESSION)


@CASES.add
def two_administrators(machine):
    """two users request a logoff at once: one gets a task, the other ERROR_BUSY"""
    session = machine.open_session("pam", "alice")
    options = {"grace": 900, "timeout": 1000}
    with reachable(machine):
        other = ClientProcess(USER, converse, machine.path,
                              [{"command": "logoff", **options}])
        own = logoff(machine, **options)
        while (event := own.next()) is not None and event.get("state") != "grace":
            pass
        # The request that the guest received first is in its grace period now.
        busy = other.finish()[0] if event else own.reply
        check_result(machine, busy, E_BUSY)
        machine.rpc("cancel")
        task = own.finish() if event else other.finish()[0]
    check_result(machine, task, E_CANCELLED)
    check_complete_once(machine, task["id"])
    same("the sessions", machine.sessions(), [session])
    check_result(machine, logoff(machine).finish(), S_OK)


def check_selected(machine, user, session):
    """Only this session would be ended by a request for the user."""
    request = logoff(machine, dry_run=True, user=user)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same(f"the sessions of {user}",
         [event["session"] for event in request.events if event["event"] == "session"], [session])


@CASES.add
def users_by_uid(machine):
    """a user is selected and exempted by uid and by another name; a name of two lines is refused"""
    session = machine.open_session("pam", "alice")
    other = machine.open_session("pam", "bob")
    uid = machine.run("id -u alice").strip()
    pid = daemon_pid(machine)
    machine.run(f"echo 'alias:x:{uid}:{uid}::/:/bin/sh' >>/etc/passwd")
    for name in (uid, "alias", "alice"):
        check_selected(machine, name, session)
    reply = logoff(machine, user="x\nMAINPID=1").finish()
    check_result(machine, reply, E_INVALIDARG)
    same("the daemon's process", daemon_pid(machine), pid)
    configure(machine, "ExemptUsers=alias ghost")
    reply = logoff(machine).finish()
    left = machine.sessions()
    configure(machine)
    check_result(machine, reply, S_OK)
    same("found", reply["found"], 1)
    same("the sessions after", (left, other in left), ([session], False))
    check_result(machine, logoff(machine, user=uid).finish(), S_OK)
    machine.run("sed -i /^alias:/d /etc/passwd")


def check_listed(machine, **wanted):
    """Compares the states of these machines in the output of hvhost list."""
    done = subprocess.run([machine.hvhost, "list"], env=machine.environment, text=True,
                          stdout=subprocess.PIPE, timeout=BOUND, check=True)
    listed = dict(line.split() for line in done.stdout.splitlines())
    same("the machines", {name: listed.get(name) for name in wanted}, wanted)


def vmlogoff(machine, *options):
    """Returns the exit status."""
    return subprocess.run([built(machine, "vmlogoff"), *options, machine.name],
                          env=machine.environment, timeout=BOUND, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode


def check_1_0_host(other):
    """A 1.1 guest on a 1.0 host supports what 1.0 has, and reports no sessions."""
    same("the version", other.rpc("status")["components"]["logoff"]["version"], "1.0")
    watcher = other.send("watch")
    same("the watcher's first event", watcher.next()["event"], "watching")
    session = other.open_session("pam", "bob")
    check_requires_1_1(other, session, "bob")
    for option in ("--no-logins", "--include-lingering"):
        same(f"the exit status of vmlogoff {option}", vmlogoff(other, "--via=vmbus", option), 9)
    same("the sessions", other.sessions(), [session])
    request = logoff(other, message="Good night.")
    check_result(other, request.finish(), S_OK)
    same("events that 1.0 does not have",
         [event for event in request.events if event["event"] != "progress"], [])
    return watcher


@CASES.add
def second_machine(machine):
    """a second machine with a 1.0 host is stopped during a task: the first machine is unaffected"""
    with machine.sibling("second", "--message-version", "1.0") as other:
        check_listed(machine, **{machine.name: "running", "second": "running"})
        watcher = check_1_0_host(other)
        for one in (machine, other):
            one.open_session("pam", "alice")
        for request in [logoff(machine), logoff(other)]:
            reply = request.finish()
            check_result(machine, reply, S_OK)
            same("ended", reply["ended"], 1)
        session = machine.open_session("pam", "alice")
        other.open_session("pam", "alice")
        first, first_id = in_grace(machine, grace=900)
        second, _ = in_grace(other, grace=900)
        other.stop()
        for reply in (second.finish(), watcher.finish()):
            same("the reply", (reply["ok"], reply["hresult"]), (False, E_NOT_RUNNING))
        same("the number of events that the watcher received", len(watcher.events), 1)
        check_listed(machine, **{machine.name: "running", "second": "ended"})
        same("the exit status of vmlogoff", vmlogoff(other), 8)
        same("the state of the first machine's task", machine.rpc("query", id=first_id)["state"],
             "grace")
        machine.rpc("cancel", id=first_id)
        check_result(machine, first.finish(), E_CANCELLED)
        same("the sessions", machine.sessions(), [session])
        check_result(machine, logoff(machine).finish(), S_OK)
        kept = configuration(other)
        other.command("start", timeout=BOOT)
        same("the configuration after a restart", configuration(other), kept)
        check_listed(machine, second="running")
