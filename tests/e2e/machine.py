# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest on hvhost: its control socket, and shell commands inside it."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import time

BOOT = 900  # seconds within which anything that boots must have done so
BOUND = 300  # and anything else; emulation inside emulation is slow


class Refused(Exception):
    """The final reply was {"ok": false}."""

    def __init__(self, reply):
        super().__init__(reply.get("error", "no reason given"))
        self.reply = reply


class Request:
    """A command on the way: its events so far, and at the end its reply."""

    def __init__(self, path, patience, command, options):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(str(path))
        message = {"command": command, **{k: v for k, v in options.items() if v is not None}}
        self.socket.sendall((json.dumps(message) + "\n").encode())
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.events = []
        self.reply = None

    def next(self):
        """The next event, or None when the reply is there."""
        line = self.file.readline()
        if not line:
            raise ConnectionError("hvhost closed the connection without a reply")
        answer = json.loads(line)
        if "ok" in answer:
            self.reply = answer
            self.file.close()
            self.socket.close()
            return None
        self.events.append(answer)
        return answer

    def until(self, wanted):
        """Waits for an event that `wanted` accepts."""
        while (event := self.next()) is not None:
            if wanted(event):
                return event
        raise AssertionError(f"over before the awaited event: {self.reply}")

    def finish(self):
        """The final reply, whatever it says."""
        while self.reply is None:
            self.next()
        return self.reply


class Machine:
    """One `hvhost start`, until close()."""

    def __init__(self, hvhost, folder, name, say):
        self.hvhost = str(hvhost)
        self.folder = pathlib.Path(folder)
        self.name = name
        self.say = say
        self.path = self.folder / name
        self.environment = {**os.environ, "HVHOST_DIR": str(folder)}
        self.started = ()

    def command(self, *arguments, timeout=BOUND, check=True):
        """Runs the hvhost command line for this machine."""
        verb, *rest = arguments
        done = subprocess.run(
            [self.hvhost, verb, self.name, *rest], env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"hvhost {verb} answered {done.returncode}: {done.stdout}")
        return done

    def start(self, kernel, initrd, append, *options):
        began = time.monotonic()
        self.started = (kernel, initrd, append, *options)
        done = self.command("start", "--kernel", str(kernel), "--initrd", str(initrd),
                            "--append", append, *options, timeout=BOOT)
        for line in done.stdout.splitlines():
            self.say(line)
        self.say(f"hvhost answers after {time.monotonic() - began:.0f} s")

    @contextlib.contextmanager
    def sibling(self, name, *options):
        """Another machine like this one, that runs beside it."""
        other = Machine(self.hvhost, self.folder, name, self.say)
        try:
            other.start(*self.started, *options)
            other.wait("logoff", "negotiated", BOOT)
            other.run("true", timeout=BOOT)
            yield other
        finally:
            other.stop()

    def send(self, command, patience=BOUND, **options):
        """Sends a command whose events and reply come within so many seconds of each other."""
        return Request(self.path / "control.sock", patience, command, options)

    def ask(self, command, patience=BOUND, **options):
        """Sends a command and returns its reply, which must be ok."""
        reply = self.send(command, patience, **options).finish()
        if not reply["ok"]:
            raise Refused(reply)
        return reply

    def wait(self, component, state, timeout=BOUND):
        return self.ask("wait", timeout + 30, component=component, timeout=timeout,
                        **{"for": state})

    def run(self, script, check=True, timeout=BOUND):
        """What a shell command in the guest prints."""
        reply = self.ask("exec", timeout + 30, script=script, timeout=timeout)
        if check and reply["status"] != 0:
            raise AssertionError(f"{script!r} answered {reply['status']}: {reply['output']}")
        return reply["output"]

    def wait_run(self, script, timeout=BOUND):
        """Runs a shell command in the guest again and again until it succeeds."""
        return self.run(f"until {script}; do sleep 0.2; done", timeout=timeout)

    def sessions(self):
        """The ids of the sessions, from loginctl itself, whose words go to the log."""
        text = self.run("loginctl list-sessions --no-pager")
        for line in text.splitlines():
            self.say("  guest| " + line)
        listed = self.run("loginctl list-sessions --no-legend --no-pager")
        return [line.split()[0] for line in listed.splitlines() if line.strip()]

    def open_session(self, kind, user):
        return self.run(f"open-session {kind} {user}").strip()

    def console(self):
        log = self.path / "console.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def cpu(self):
        """Processor seconds that the machine's processes have used so far."""
        mark = f"HVHOST_DIR={self.folder}\0".encode()
        ticks = 0
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])
            except OSError:
                continue  # it has ended, or is another user's
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait_gone(self, timeout=BOUND):
        """Waits until the control socket no longer answers."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                Request(self.path / "control.sock", 30, "status", {}).finish()
            except (OSError, ValueError):
                return
            time.sleep(0.2)
        raise AssertionError("the machine is still there")

    def stop(self):
        self.command("stop", check=False)
