# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest on hvhost: its control socket, and shell commands inside it."""

import contextlib
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import time

# Seconds. Emulation inside emulation is slow.
BOOT = 900  # for a boot
BOUND = 300  # for anything else

# The first line of a kernel's report about itself. tests/hvhost/cli/diagnosis.c has the same list.
REPORT = re.compile(r"Kernel panic|BUG: |Oops: |general protection fault|"
                     r"stack guard page was hit|double fault|soft lockup|hard LOCKUP|"
                     r"detected stall")
# Messages of hvhost about the end of a guest.
REASON = re.compile(r"panicked|guest is reset|machine ends|outer machine has|QEMU |signal |"
                    + REPORT.pattern)
REPORT_LINES, REASON_LINES = 12, 5


def kernel_report(folder):
    """The first report of a panic, oops or lockup in the guest's console, followed by hvhost's
    messages about it; empty if the guest's kernel has reported nothing."""
    lines = read_log(folder / "console.log").splitlines()
    first = next((i for i, line in enumerate(lines) if REPORT.search(line)), None)
    if first is None:
        return []
    return ["the guest's kernel reported:", *lines[first:first + REPORT_LINES], *reasons(folder)]


def reasons(folder):
    """The last messages in hvhost.log about a reset of the guest or the end of the machine."""
    lines = read_log(folder / "hvhost.log").splitlines()
    return ["hvhost: " + line for line in lines if REASON.search(line)][-REASON_LINES:]


def read_log(path):
    return path.read_text(errors="replace") if path.exists() else ""


class Refused(Exception):
    """The final reply was {"ok": false}."""

    def __init__(self, reply, details=()):
        super().__init__("\n".join([reply.get("error", "no reason given"), *details]))
        self.reply = reply


class Request:
    """A command that was sent: the events received so far, and at the end the reply."""

    def __init__(self, path, patience, command, options):
        self.folder = path.parent
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(str(path))
        message = {"command": command, **{k: v for k, v in options.items() if v is not None}}
        self.socket.sendall((json.dumps(message) + "\n").encode())
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.events = []
        self.reply = None

    def next(self):
        """The next event, or None once the reply has arrived."""
        try:
            line = self.file.readline()
        except TimeoutError as error:
            details = kernel_report(self.folder)
            raise TimeoutError("\n".join(["no reply in time", *details])) from error
        if not line:
            details = kernel_report(self.folder) or reasons(self.folder)
            raise ConnectionError("\n".join(["hvhost closed the connection without a reply",
                                             *details]))
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
        raise AssertionError("\n".join([f"the reply came before the expected event: {self.reply}",
                                        *self.diagnosis()]))

    def diagnosis(self):
        """What is known about a machine that has ended, or a kernel that does not answer."""
        found = kernel_report(self.folder)
        ended = self.reply and self.reply.get("name") == "VM_E_VM_NOT_RUNNING"
        return reasons(self.folder) if ended and not found else found

    def finish(self):
        """The final reply, of success or failure."""
        while self.reply is None:
            self.next()
        return self.reply


class Machine:
    """A machine of hvhost, from start() to stop()."""

    def __init__(self, hvhost, folder, name, log):
        self.hvhost = str(hvhost)
        self.folder = pathlib.Path(folder)
        self.name = name
        self.log = log
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
            raise AssertionError(f"hvhost {verb} returned {done.returncode}: {done.stdout}")
        return done

    def start(self, kernel, initrd, append, *options):
        began = time.monotonic()
        self.started = (kernel, initrd, append, *options)
        done = self.command("start", "--kernel", str(kernel), "--initrd", str(initrd),
                            "--append", append, *options, timeout=BOOT)
        for line in done.stdout.splitlines():
            self.log(line)
        self.log(f"hvhost answers after {time.monotonic() - began:.0f} s")

    @contextlib.contextmanager
    def sibling(self, name, *options):
        """Another machine with the same options that runs at the same time."""
        other = Machine(self.hvhost, self.folder, name, self.log)
        try:
            other.start(*self.started, *options)
            other.wait("logoff", "negotiated", BOOT)
            other.run("true", timeout=BOOT)
            yield other
        finally:
            other.stop()

    def send(self, command, patience=BOUND, **options):
        """Sends a command; each event and the reply must come within `patience` seconds."""
        return Request(self.path / "control.sock", patience, command, options)

    def rpc(self, command, patience=BOUND, **options):
        """Sends a command and returns its reply, which must be ok."""
        request = self.send(command, patience, **options)
        reply = request.finish()
        if not reply["ok"]:
            raise Refused(reply, request.diagnosis())
        return reply

    def wait(self, component, state, timeout=BOUND):
        return self.rpc("wait", timeout + 30, component=component, timeout=timeout,
                        **{"for": state})

    def run(self, script, check=True, timeout=BOUND):
        """Runs a shell command in the guest and returns its output."""
        reply = self.rpc("exec", timeout + 30, script=script, timeout=timeout)
        if check and reply["status"] != 0:
            raise AssertionError(f"{script!r} returned {reply['status']}: {reply['output']}")
        return reply["output"]

    def wait_run(self, script, timeout=BOUND):
        """Repeats a shell command in the guest until it succeeds."""
        return self.run(f"until {script}; do sleep 0.2; done", timeout=timeout)

    def sessions(self):
        """The ids of the sessions that loginctl lists, without those of user managers, which
        systemd 256 and later list too; its output is logged."""
        # The first line has the columns' names, and an empty line is before the number of
        # sessions. Without sessions, "No sessions." is the only line, or follows the first one.
        text = self.run("loginctl list-sessions --no-pager")
        for line in text.splitlines():
            self.log("  guest| " + line)
        listed = itertools.takewhile(str.strip, text.splitlines()[1:])
        return [line.split()[0] for line in listed if line != "No sessions."
                and not any(field.startswith("manager") for field in line.split())]

    def open_session(self, kind, user):
        return self.run(f"open-session {kind} {user}").strip()

    def console(self):
        return read_log(self.path / "console.log")

    def tails(self):
        """The last lines of the machine's logs that are not empty."""
        for log, lines in (("console.log", 15), ("hvhost.log", 10), ("outer.log", 15)):
            text = read_log(self.path / log).rstrip()
            if text:
                yield f"{log} ends with:\n" + "\n".join(text.splitlines()[-lines:])
            elif log != "outer.log":
                yield f"{log} is empty"

    def processes(self):
        """The ids of the machine's processes; the first is hvhost."""
        lock = self.path / "lock"
        group = -int(lock.read_text() or 0) if lock.exists() else 0
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                # After the name, which is in parentheses: state, parent, process group.
                state, _, of = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it has ended
            if group and int(of) == group and state != "Z":
                found.append(int(process.name))
        return sorted(found, key=lambda pid: pid != group)

    def cpu(self):
        """The processor time in seconds that the machine's processes have used so far."""
        mark = f"HVHOST_DIR={self.folder}\0".encode()
        ticks = 0
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])
            except OSError:
                continue  # it has ended, or belongs to another user
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
        raise AssertionError("the machine has not ended")

    def stop(self):
        self.command("stop", check=False)
