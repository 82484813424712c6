# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator's programs on the host get: libvmguestos and vmlogoff."""

import json
import os
import pathlib
import signal
import subprocess

from machine import BOUND

# Exit statuses of vmlogoff(1).
OK, NO_SESSION, CANCELLED, BUSY, UNKNOWN, NOT_RUNNING = 0, 3, 5, 6, 7, 8

CASES = []


def case(function):
    CASES.append(function)
    return function


def built(machine, name):
    return str(pathlib.Path(machine.hvhost).parent / name)


class Vmlogoff:
    """vmlogoff --json, while it runs."""

    def __init__(self, machine, *arguments):
        self.machine = machine
        self.process = subprocess.Popen(
            [built(machine, "vmlogoff"), "--json", *arguments, machine.name],
            env=machine.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.last = None

    def until(self, wanted):
        """Waits for an object that `wanted` accepts."""
        for line in self.process.stdout:
            self.machine.say("  vmlogoff| " + line.rstrip())
            self.last = json.loads(line)
            if wanted(self.last):
                return self.last
        raise AssertionError(f"vmlogoff ended before the awaited object: {self.last}")

    def in_grace(self):
        return self.until(lambda object: object.get("state") == "grace")

    def finish(self, status):
        """The last object, of a command that ends so."""
        rest = self.process.stdout.read()
        for line in rest.splitlines():
            self.machine.say("  vmlogoff| " + line)
            self.last = json.loads(line)
        ended = self.process.wait(BOUND)
        assert ended == status, f"vmlogoff ended with {ended}, and should with {status}"
        return self.last


def walk(machine, program, *arguments):
    environment = {**machine.environment, "HVHOST": os.path.abspath(machine.hvhost)}
    done = subprocess.run([built(machine, program), machine.name, *arguments], env=environment,
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=2 * BOUND, check=False)
    machine.say(done.stdout)
    assert done.returncode == 0, f"{program} ended with {done.returncode}"


@case
def walk_codes(machine):
    """a program gets every code of libvmguestos: in C from one kernel, in C++ from the others"""
    walk(machine, "walk-c" if machine.run("uname -r").startswith("6.1.") else "walk-c++")


@case
def walk_codes_by_kvp(machine):
    """the same by key-value pairs, in the other language"""
    walk(machine, "walk-c++" if machine.run("uname -r").startswith("6.1.") else "walk-c", "kvp")


@case
def vmlogoff(machine):
    """vmlogoff: its exit statuses, the machines' names, and everyone is logged off"""
    Vmlogoff(machine).finish(NO_SESSION)
    machine.open_session("pam", "alice")
    machine.open_session("pam", "bob")
    last = Vmlogoff(machine, "--timeout", "120", "--message", "Good night.").finish(OK)
    assert (last["event"], last["found"], last["ended"]) == ("result", 2, 2), last
    assert not machine.sessions(), "someone is still logged on"
    done = subprocess.run([built(machine, "vmlogoff"), machine.name[:-1] + "x"], text=True,
                          env=machine.environment, stderr=subprocess.PIPE, timeout=BOUND,
                          check=False)
    machine.say(done.stderr)
    assert done.returncode == UNKNOWN, done.returncode
    assert machine.name in done.stderr, "the name that was meant is not suggested"


@case
def vmlogoff_some(machine):
    """vmlogoff: a dry run shows who, one user goes, one session goes, and the others stay"""
    alice, bob, second = [machine.open_session("pam", user) for user in ("alice", "bob", "bob")]
    last = Vmlogoff(machine, "--dry-run").finish(OK)
    selected = {(session["session"], session["user"]) for session in last["sessions"]}
    assert selected == {(alice, "alice"), (bob, "bob"), (second, "bob")}, last
    assert all(session["outcome"] == "selected" for session in last["sessions"]), last
    assert (last["found"], last["ended"]) == (3, 0), last
    assert len(machine.sessions()) == 3, "a dry run has logged somebody off"
    last = Vmlogoff(machine, "--session", bob).finish(OK)
    assert [(session["session"], session["outcome"]) for session in last["sessions"]] == \
        [(bob, "ended")], last
    assert set(machine.sessions()) == {alice, second}, "not that session is gone"
    Vmlogoff(machine, "--session", second, "--user", "alice").finish(NO_SESSION)
    last = Vmlogoff(machine, "--user", "bob").finish(OK)
    assert last["found"] == 1, last
    assert machine.sessions() == [alice], "not that user is gone"
    Vmlogoff(machine, "--user", "bob").finish(NO_SESSION)
    Vmlogoff(machine, "--force").finish(OK)


@case
def vmlogoff_watch(machine):
    """vmlogoff --watch: who was logged off by the host, and who by somebody in the guest"""
    watch = Vmlogoff(machine, "--watch")
    watch.until(lambda event: event["event"] == "reporting" and event["reports"])
    alice = machine.open_session("pam", "alice")
    request = Vmlogoff(machine).finish(OK)["id"]
    event = watch.until(lambda event: event["event"] == "logoff")
    assert (event["session"], event["user"], event["type"]) == (alice, "alice", "external"), event
    assert event["id"] == request, event
    bob = machine.open_session("pam", "bob")
    machine.run(f"loginctl terminate-session {bob}")
    event = watch.until(lambda event: event["event"] == "logoff")
    assert (event["session"], event["user"], event["type"]) == (bob, "bob", "forced"), event
    assert "id" not in event, event
    watch.process.send_signal(signal.SIGINT)
    watch.finish(OK)


@case
def vmlogoff_by_kvp(machine):
    """vmlogoff: without the component the same by key-value pairs, with progress and Ctrl-C"""
    session = machine.open_session("pam", "alice")
    machine.ask("rescind", component="logoff")
    command = Vmlogoff(machine, "--timeout", "1000", "--grace", "900")
    command.in_grace()
    Vmlogoff(machine).finish(BUSY)
    command.process.send_signal(signal.SIGINT)
    command.finish(CANCELLED)
    assert machine.sessions() == [session], "someone was logged off"
    last = Vmlogoff(machine, "--user", "alice", "--message", "Good night.").finish(OK)
    assert (last["found"], last["ended"]) == (1, 1), last
    assert not machine.sessions(), "someone is still logged on"
    Vmlogoff(machine).finish(NO_SESSION)
    machine.ask("offer", component="logoff")
    machine.wait("logoff", "negotiated")


@case
def vmlogoff_interrupted(machine):
    """Ctrl-C cancels in the guest: nobody is logged off"""
    session = machine.open_session("pam", "alice")
    command = Vmlogoff(machine, "--timeout", "1000", "--grace", "900")
    command.in_grace()
    command.process.send_signal(signal.SIGINT)
    command.finish(CANCELLED)
    assert machine.sessions() == [session], "someone was logged off"
    Vmlogoff(machine, "--force").finish(OK)


@case
def vmlogoff_killed(machine):
    """vmlogoff is killed mid-task: the guest goes on, and another one is told that it is busy"""
    machine.open_session("pam", "alice")
    command = Vmlogoff(machine, "--timeout", "120", "--grace", "10")
    name = command.in_grace()["id"]
    command.process.kill()
    command.process.wait()
    Vmlogoff(machine).finish(BUSY)
    machine.wait_run("! loginctl list-sessions --no-legend | grep .")
    while machine.ask("query", id=name)["state"] != "done":
        pass
    answer = machine.ask("query", id=name)
    assert (answer["result"], answer["ended"]) == (0, 1), answer


@case
def vmlogoff_machine_stopped(machine):
    """the machine is stopped mid-task: the task is complete, and who watches is told"""
    machine.open_session("pam", "alice")
    watch = Vmlogoff(machine, "--watch")
    watch.until(lambda event: event["event"] == "reporting")
    command = Vmlogoff(machine, "--timeout", "1000", "--grace", "900")
    command.in_grace()
    machine.stop()
    rest = command.process.communicate(timeout=BOUND)[0]
    machine.say(rest)
    assert command.process.returncode == NOT_RUNNING, command.process.returncode
    assert watch.finish(NOT_RUNNING)["event"] == "result"
    Vmlogoff(machine).finish(NOT_RUNNING)


# There is no machine any more after these.
ENDS = (vmlogoff_machine_stopped,)
