# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what with a machine, several who do it at once, and several machines."""

import collections
import contextlib
import json
import multiprocessing
import os
import pathlib
import socket
import subprocess
import time

from checks import (E_BUSY, E_CANCELLED, E_DENIED, E_INVALIDARG, E_NO_SESSION, E_NOT_AVAIL,
                    E_NOT_RUNNING, S_OK, check_complete_once, check_result, in_grace, logoff, same)
from machine import BOOT, BOUND

# A user and a group whom every machine of these tests allows; run.py starts them so.
ALLOWED_USER = "64010"  # nobody's number
ALLOWED_GROUP = "games"  # by its name

Person = collections.namedtuple("Person", "user group groups")
NOBODY = Person(65534, 65534, [])
USER = Person(int(ALLOWED_USER), 65534, [])
MEMBER = Person(65534, 65534, [61, 60])

EXECUTE = ("watch", "wait", "logoff", "cancel", "query", "complete_count", "shutdown", "heartbeat",
           "timesync", "kvp_add", "kvp_modify", "kvp_remove", "kvp_host_items", "kvp_guest_items",
           "kvp_intrinsic_items", "kvp_get", "kvp_pool")
OWNER = ("console", "input", "exec", "rescind", "offer", "negotiate", "stall", "resume", "storm",
         "inject", "reset", "stop")

CASES = []


def case(function):
    CASES.append(function)
    return function


@contextlib.contextmanager
def reachable(machine):
    """The tests' own folder is root's alone."""
    os.chmod(machine.folder, 0o711)
    yield
    os.chmod(machine.folder, 0o700)


def converse(path, who, commands, replies):
    """Becomes somebody else, and adds the final reply to each command to a list."""
    os.setgroups(who.groups)
    os.setgid(who.group)
    os.setuid(who.user)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        answers = connection.makefile(encoding="utf-8")
        for command in commands:
            connection.sendall((json.dumps(command) + "\n").encode())
            replies.append(next(reply for reply in map(json.loads, answers) if "ok" in reply))


class Speaker:
    """A client that is somebody else."""

    def __init__(self, machine, who, *commands):
        def run():
            replies = []
            converse(machine.path / "control.sock", who, commands, replies)
            sender.send(replies)

        # A program to be run could be where only root can look.
        context = multiprocessing.get_context("fork")
        self.receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=run)
        self.process.start()
        sender.close()

    def finish(self):
        """The final replies."""
        assert self.receiver.poll(2 * BOUND), "no reply"
        replies = self.receiver.recv()
        self.process.join()
        return replies


def speak(machine, who, *commands):
    return Speaker(machine, who, *commands).finish()


def check_refused(machine, who, names):
    replies = speak(machine, who, *({"command": name} for name in names))
    same("replies", len(replies), len(names))
    for name, reply in zip(names, replies):
        assert not reply["ok"] and reply["hresult"] == E_DENIED, f"{name}: {reply}"
    machine.say(f"refused: {replies[-1]['error']}")
    wait_logged(machine, [f"refused: {name}, to user {who.user}, group {who.group}, process "
                          for name in names])


def check_allowed(machine, who, names):
    """They may try; what the commands lack is another matter."""
    replies = speak(machine, who, *({"command": name} for name in names))
    same("replies", len(replies), len(names))
    for name, reply in zip(names, replies):
        assert reply.get("hresult") != E_DENIED, f"{name}: {reply}"


def wait_logged(machine, lines):
    """Waits until the machine's log has them all."""
    log = machine.path / "hvhost.log"
    deadline = time.monotonic() + BOUND
    while missing := [line for line in lines if line not in log.read_text(errors="replace")]:
        assert time.monotonic() < deadline, f"the log has no line with {missing}"
        time.sleep(0.2)


def configuration(machine):
    return json.loads((machine.path / "machine.json").read_text())


@case
def permission(machine):
    """the caller's credentials decide: 0x80070005 and a line in the log, and a forged word is none"""
    assert os.geteuid() == 0, "only root can try this as other users: sudo make e2e"
    kept = configuration(machine)
    same("the allowed", (kept["allow_users"], kept["allow_groups"]), ([64010], [60]))
    session = machine.open_session("pam", "alice")
    with reachable(machine):
        same("status", [reply["ok"] for reply in speak(machine, NOBODY, {"command": "status"})],
             [True])
        check_refused(machine, NOBODY, EXECUTE + OWNER)
        # As the relay of an outer machine says it, which is nobody's else to say.
        root = {"peer": {"pid": 1, "uid": 0, "gid": 0, "permission": 2}, "stream": 17}
        forged, refused = speak(machine, NOBODY, root, {"command": "logoff", **root})
        same("a forged word", (forged["ok"], forged["hresult"]), (False, E_INVALIDARG))
        same("a logoff after it", (refused["ok"], refused["hresult"]), (False, E_DENIED))
        same("the sessions", machine.sessions(), [session])
        for who in (USER, MEMBER):
            check_refused(machine, who, OWNER)
            check_allowed(machine, who, set(EXECUTE) - {"watch", "logoff", "shutdown"})
        same("a user's logoff", speak(machine, USER, {"command": "logoff"})[0]["hresult"], S_OK)
        same("a member's logoff", speak(machine, MEMBER, {"command": "logoff"})[0]["hresult"],
             E_NO_SESSION)


@case
def two_administrators(machine):
    """two users log off at once: one task, and one is told that it is busy"""
    session = machine.open_session("pam", "alice")
    options = {"grace": 900, "timeout": 1000}
    with reachable(machine):
        other = Speaker(machine, USER, {"command": "logoff", **options})
        own = logoff(machine, **options)
        while (event := own.next()) is not None and event.get("state") != "grace":
            pass
        # Whoever came first waits for the grace to end.
        busy = other.finish()[0] if event else own.reply
        check_result(machine, busy, E_BUSY)
        machine.ask("cancel")
        task = own.finish() if event else other.finish()[0]
    check_result(machine, task, E_CANCELLED)
    check_complete_once(machine, task["id"])
    same("the sessions", machine.sessions(), [session])
    check_result(machine, logoff(machine).finish(), S_OK)


def check_listed(machine, **wanted):
    """What hvhost list says of these machines."""
    done = subprocess.run([machine.hvhost, "list"], env=machine.environment, text=True,
                          stdout=subprocess.PIPE, timeout=BOUND, check=True)
    listed = dict(line.split() for line in done.stdout.splitlines())
    same("the machines", {name: listed.get(name) for name in wanted}, wanted)


def vmlogoff(machine):
    """The status that it ends with."""
    program = pathlib.Path(machine.hvhost).parent / "vmlogoff"
    return subprocess.run([program, machine.name], env=machine.environment, timeout=BOUND,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
                          stderr=subprocess.DEVNULL).returncode


def check_old_host(other):
    """A 1.1 guest on a host that speaks 1.0: all of 1.0, and nothing of 1.1."""
    same("the version", other.ask("status")["components"]["logoff"]["version"], "1.0")
    watcher = other.send("watch")
    same("the watcher's first event", watcher.next()["event"], "watching")
    session = other.open_session("pam", "bob")
    for some in ({"user": "bob"}, {"session": session}, {"dry_run": True}):
        reply = logoff(other, **some).finish()
        same(f"the answer to {some}", (reply["ok"], reply["hresult"]), (False, E_NOT_AVAIL))
    same("the sessions", other.sessions(), [session])
    request = logoff(other, message="Good night.")
    check_result(other, request.finish(), S_OK)
    same("events of other kinds than 1.0 has",
         [event for event in request.events if event["event"] != "progress"], [])
    return watcher


@case
def second_machine(machine):
    """two machines at once, of which one has a 1.0 host; it stops mid-task, and the other goes on"""
    with machine.sibling("second", "--message-version", "1.0") as other:
        check_listed(machine, **{machine.name: "running", "second": "running"})
        watcher = check_old_host(other)
        for one in (machine, other):
            one.open_session("pam", "alice")
        for request in [logoff(machine), logoff(other)]:
            reply = request.finish()
            check_result(machine, reply, S_OK)
            same("ended", reply["ended"], 1)
        session = machine.open_session("pam", "alice")
        other.open_session("pam", "alice")
        here, name = in_grace(machine, grace=900)
        there, _ = in_grace(other, grace=900)
        other.stop()
        for reply in (there.finish(), watcher.finish()):
            same("the answer", (reply["ok"], reply["hresult"]), (False, E_NOT_RUNNING))
        same("what the watcher was told", len(watcher.events), 1)
        check_listed(machine, **{machine.name: "running", "second": "ended"})
        same("vmlogoff's status", vmlogoff(other), 8)
        same("the task beside it", machine.ask("query", id=name)["state"], "grace")
        machine.ask("cancel", id=name)
        check_result(machine, here.finish(), E_CANCELLED)
        same("the sessions", machine.sessions(), [session])
        check_result(machine, logoff(machine).finish(), S_OK)
        kept = configuration(other)
        other.command("start", timeout=BOOT)
        same("what it is started with again", configuration(other), kept)
        check_listed(machine, second="running")
