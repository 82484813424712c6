# SPDX-License-Identifier: GPL-2.0-or-later
"""libvmguestos and vmlogoff on the host."""

import contextlib
import json
import os
import signal
import subprocess
import threading

from checks import Cases, built, offer, wait_done
from machine import BOUND

# Exit statuses of vmlogoff(1).
OK, EXCEPTION, NO_SESSION, CANCELLED, BUSY, UNKNOWN, NOT_RUNNING = 0, 2, 3, 5, 6, 7, 8
NOT_AVAILABLE, NOT_FOUND = 9, 18

CASES = Cases()


class Vmlogoff:
    """A running vmlogoff, with JSON as its output."""

    def __init__(self, machine, *arguments):
        self.machine = machine
        self.start(["--json", *arguments, machine.name], subprocess.DEVNULL)

    def start(self, arguments, stdin):
        self.run([built(self.machine, "vmlogoff"), *arguments], self.machine.environment, stdin)

    def run(self, command, environment, stdin):
        self.process = subprocess.Popen(command, env=environment, stdin=stdin,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        encoding="utf-8")
        self.last = None

    def until(self, wanted):
        """Waits for an object that `wanted` accepts."""
        for line in self.process.stdout:
            self.read(line)
            if wanted(self.last):
                return self.last
        raise AssertionError(f"vmlogoff exited before the expected object: {self.last}")

    def read(self, line):
        self.machine.log("  vmlogoff| " + line.rstrip())
        self.last = json.loads(line)

    def in_grace(self):
        return self.until(lambda object: object.get("state") == "grace")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self, status):
        """Waits for this exit status; returns the last object."""
        watchdog = threading.Timer(2 * BOUND, self.process.kill)
        watchdog.start()
        for line in self.process.stdout:
            self.read(line)
        exited = self.process.wait()
        watchdog.cancel()
        assert exited == status, f"vmlogoff exited with {exited}, expected {status}"
        return self.last


class Request(Vmlogoff):
    """A running vmlogoff --request=-."""

    def __init__(self, machine, **request):
        self.machine = machine
        self.start(["--request=-"], subprocess.PIPE)
        self.write(request)

    def write(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()


def check_cancelled_by_interrupt(machine, *options):
    """Ctrl-C in the grace period cancels the request."""
    session = machine.open_session("pam", "alice")
    command = Vmlogoff(machine, "--timeout", "1000", "--grace", "900", *options)
    command.in_grace()
    Vmlogoff(machine, *options).finish(BUSY)
    command.interrupt()
    command.finish(CANCELLED)
    assert machine.sessions() == [session], "a session was ended"


@contextlib.contextmanager
def other_users(machine):
    """bob lingers and has a manager; carol has a process that belongs to no session."""
    machine.run("loginctl enable-linger bob; setsid setpriv --reuid carol --regid carol "
                "--clear-groups sleep infinity >/dev/null 2>&1 & echo $! >/run/carol.pid")
    machine.wait_run("systemctl -q is-active user@$(id -u bob)")
    yield
    machine.run("loginctl disable-linger bob; kill $(cat /run/carol.pid)")


@contextlib.contextmanager
def second_name(machine, name, user):
    """Another name of the same uid, which may contain blanks."""
    uid = machine.run(f"id -u {user}").strip()
    machine.run(f"echo '{name}:x:{uid}:{uid}::/:/bin/sh' >>/etc/passwd")
    yield
    machine.run(f"sed -i '/^{name}:/d' /etc/passwd")


def check_names(machine, *options):
    """--user selects by a name with a blank and by the uid; other sessions are unaffected."""
    other = machine.open_session("pam", "bob")
    with second_name(machine, "jane doe", "alice"):
        for name in ("jane doe", machine.run("id -u alice").strip()):
            machine.open_session("pam", "alice")
            last = Vmlogoff(machine, "--user", name, "--timeout", "120", *options).finish(OK)
            assert (last["found"], last["ended"]) == (1, 1), last
            assert machine.sessions() == [other], "the wrong session was ended"


def check_no_logins(machine, *options):
    """/run/nologin has the message from the acceptance of a request to its end."""
    machine.open_session("pam", "alice")
    command = Vmlogoff(machine, "--no-logins", "--message", "Maintenance at noon.",
                       "--timeout", "1000", "--grace", "900", *options)
    command.in_grace()
    machine.run("grep -F 'Maintenance at noon.' /run/nologin")
    command.interrupt()
    command.finish(CANCELLED)
    machine.wait_run("! test -e /run/nologin")
    Vmlogoff(machine, "--no-logins", "--dry-run", *options).finish(OK)
    machine.wait_run("! test -e /run/nologin")


def walk(machine, program, *arguments):
    environment = {**machine.environment, "HVHOST": os.path.abspath(machine.hvhost)}
    done = subprocess.run([built(machine, program), machine.name, *arguments], env=environment,
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=2 * BOUND, check=False)
    machine.log(done.stdout)
    assert done.returncode == 0, f"{program} exited with {done.returncode}"


@CASES.add
def walk_codes(machine):
    """a client of libvmguestos receives each HRESULT: in C on 6.1, in C++ on other kernels"""
    walk(machine, "walk-c" if machine.run("uname -r").startswith("6.1.") else "walk-c++")


@CASES.add
def walk_codes_by_kvp(machine):
    """a client of libvmguestos receives each HRESULT over KVP: in C++ on 6.1, else in C"""
    walk(machine, "walk-c++" if machine.run("uname -r").startswith("6.1.") else "walk-c", "kvp")


@CASES.add
def vmlogoff(machine):
    """vmlogoff: exit statuses, an unknown machine's name, a logoff of all users"""
    Vmlogoff(machine).finish(NO_SESSION)
    machine.open_session("pam", "alice")
    machine.open_session("pam", "bob")
    last = Vmlogoff(machine, "--timeout", "120", "--message", "Good night.").finish(OK)
    assert (last["event"], last["found"], last["ended"]) == ("result", 2, 2), last
    assert not machine.sessions(), "a user is still logged on"
    done = subprocess.run([built(machine, "vmlogoff"), machine.name[:-1] + "x"], text=True,
                          env=machine.environment, stderr=subprocess.PIPE, timeout=BOUND,
                          check=False)
    machine.log(done.stderr)
    assert done.returncode == UNKNOWN, done.returncode
    assert machine.name in done.stderr, "vmlogoff does not suggest the similar name"


@CASES.add
def vmlogoff_selected(machine):
    """vmlogoff: a dry run, one session, one user; other sessions are unaffected"""
    alice, bob, second = [machine.open_session("pam", user) for user in ("alice", "bob", "bob")]
    last = Vmlogoff(machine, "--dry-run").finish(OK)
    selected = {(session["session"], session["user"]) for session in last["sessions"]
                if session["outcome"] == "selected"}
    assert selected == {(alice, "alice"), (bob, "bob"), (second, "bob")}, last
    assert all(session["outcome"] in ("selected", "manager-selected")
               for session in last["sessions"]), last
    assert (last["found"], last["ended"]) == (3, 0), last
    assert len(machine.sessions()) == 3, "the dry run has ended a session"
    last = Vmlogoff(machine, "--session", bob).finish(OK)
    assert [(session["session"], session["outcome"]) for session in last["sessions"]
            if session["session"]] == [(bob, "ended")], last
    assert set(machine.sessions()) == {alice, second}, "the wrong session was ended"
    Vmlogoff(machine, "--session", second, "--user", "alice").finish(NO_SESSION)
    last = Vmlogoff(machine, "--user", "bob").finish(OK)
    assert last["found"] == 1, last
    assert machine.sessions() == [alice], "the wrong user was logged off"
    Vmlogoff(machine, "--user", "bob").finish(NO_SESSION)
    Vmlogoff(machine, "--force").finish(OK)


def outcomes(last):
    return {(result["outcome"], result["user"]) for result in last["sessions"]}


@CASES.add
def vmlogoff_flags(machine):
    """vmlogoff: names with blanks, no logons, outcomes of users, programs of lingering users"""
    check_names(machine)
    check_no_logins(machine)
    Vmlogoff(machine, "--force").finish(OK)
    with other_users(machine):
        machine.open_session("pam", "alice")
        last = Vmlogoff(machine, "--timeout", "120").finish(OK)
        assert outcomes(last) == {("ended", "alice"), ("manager-ended", "alice"),
                                  ("outside", "carol"), ("untold", "alice")}, last
        machine.open_session("pam", "bob")
        last = Vmlogoff(machine, "--timeout", "120").finish(OK)
        assert outcomes(last) == {("ended", "bob"), ("lingering", "bob"),
                                  ("outside", "carol"), ("untold", "bob")}, last
        last = Vmlogoff(machine, "--include-lingering", "--dry-run").finish(OK)
        assert outcomes(last) == {("manager-selected", "bob"), ("outside", "carol")}, last
        last = Vmlogoff(machine, "--include-lingering", "--timeout", "120").finish(OK)
        assert outcomes(last) == {("manager-ended", "bob"), ("outside", "carol")}, last
        machine.run("! systemctl -q is-active user@$(id -u bob)")
        last = Vmlogoff(machine, "--include-lingering").finish(NO_SESSION)
        assert "carol (1)" in last["text"], last


@CASES.add
def vmlogoff_request(machine):
    """vmlogoff --request: a machine by its GUID; cancelled by a line, by another process, by KVP"""
    session = machine.open_session("pam", "alice")
    guid = machine.rpc("status")["guid"]
    request = {"machines": [guid], "timeout": 1000, "grace": 900}
    command = Request(machine, **request)
    command.in_grace()
    command.write({"cancel": True})
    last = command.finish(CANCELLED)
    assert (last["machine"], last["guid"]) == (machine.name, guid), last
    for via in ("vmbus", "kvp"):
        command = Request(machine, **request, via=via)
        request_id = command.in_grace()["id"]
        Vmlogoff(machine, "--cancel=0x1").finish(NOT_FOUND)
        Vmlogoff(machine, f"--cancel={request_id}").finish(OK)
        command.finish(CANCELLED)
        Vmlogoff(machine, "--cancel").finish(NOT_FOUND)
    assert machine.sessions() == [session], "a session was ended"
    Request(machine, all=True, yes=True, force=True).finish(OK)


@CASES.add
def vmlogoff_watch(machine):
    """vmlogoff --watch: sessions ended by the host, and sessions terminated in the guest"""
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
    watch.interrupt()
    watch.finish(OK)


@CASES.add
def vmlogoff_by_kvp(machine):
    """vmlogoff without the component: uses KVP, with progress and cancellation by Ctrl-C"""
    machine.rpc("rescind", component="logoff")
    check_cancelled_by_interrupt(machine)
    last = Vmlogoff(machine, "--user", "alice", "--message", "Good night.").finish(OK)
    assert (last["found"], last["ended"]) == (1, 1), last
    assert not machine.sessions(), "a user is still logged on"
    Vmlogoff(machine).finish(NO_SESSION)
    offer(machine)


@CASES.add
def vmlogoff_interrupted(machine):
    """vmlogoff: Ctrl-C cancels the request in the guest, and no session is ended"""
    check_cancelled_by_interrupt(machine)
    Vmlogoff(machine, "--force").finish(OK)


@CASES.add
def vmlogoff_killed(machine):
    """vmlogoff is killed during a task: the guest completes it, another vmlogoff is busy"""
    machine.open_session("pam", "alice")
    command = Vmlogoff(machine, "--timeout", "120", "--grace", "10")
    request_id = command.in_grace()["id"]
    command.process.kill()
    command.process.wait()
    Vmlogoff(machine).finish(BUSY)
    machine.wait_run("! loginctl list-sessions --no-legend | grep .")
    reply = wait_done(machine, request_id)
    assert (reply["result"], reply["ended"]) == (0, 1), reply


@CASES.add
def vmlogoff_machine_stopped(machine):
    """the machine is stopped during a task: vmlogoff and vmlogoff --watch exit with status 8"""
    machine.open_session("pam", "alice")
    watch = Vmlogoff(machine, "--watch")
    watch.until(lambda event: event["event"] == "reporting")
    command = Vmlogoff(machine, "--timeout", "1000", "--grace", "900")
    command.in_grace()
    machine.stop()
    command.finish(NOT_RUNNING)
    assert watch.finish(NOT_RUNNING)["event"] == "result"
    Vmlogoff(machine).finish(NOT_RUNNING)


# These cases stop their machine.
ENDS = (vmlogoff_machine_stopped,)
