#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmlogoff.py FOLDER: runs the vmlogoff.exe of a folder under Wine, with the stand-in for Hyper-V's WMI
provider that is next to it, and writes TAP. The prefix is that of the environment."""

import collections
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import tty

from tap import run_all

WINE = "/usr/lib/wine/wine64"
FOLDER = pathlib.Path(sys.argv[1]).resolve()
LIMIT = 300
WEB1 = "5f0c6a52-8d6e-4f6b-9a55-6a1e4f9d2c11"
# Longer than a label of a name may be, so that no server is asked.
NO_HOST = "a" * 80 + ".invalid"
# This computer, but not by a name that vmlogoff knows.
OTHER_HOST = "127.0.0.135"
# As Wine ends a program by Ctrl-C, in the eight bits of an exit status.
CONTROL_C_EXIT = 0xC000013A & 0xFF

Result = collections.namedtuple("Result", "status out err")


def start(host, *arguments, debug="-all", **options):
    """vmlogoff on a host that behaves as host.h says."""
    environment = {**os.environ, "HVWMI": host, "LC_ALL": "C.UTF-8", "WINEDEBUG": debug}
    return subprocess.Popen([WINE, str(FOLDER / "vmlogoff.exe"), *arguments], env=environment,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def finish(process, text=""):
    try:
        out, err = process.communicate(text.encode(), timeout=LIMIT)
    finally:
        process.kill()
    return Result(process.returncode, out.decode(), err.decode())


def run(host, *arguments, text="", **options):
    return finish(start(host, *arguments, **options), text)


def expect(result, status, *, out="", err=""):
    assert result.status == status and out in result.out and err in result.err, result


def objects(result):
    return [json.loads(line) for line in result.out.splitlines()]


def logoff():
    """A line for each step, and the sessions; lines end as on Linux."""
    for generation in "2012r2", "2016":
        expect(run(f"guest=logoff generation={generation}", "web1"), 0, out="web1: All.")
    result = run("guest=logoff", "web1")
    steps = [line.split()[2].rstrip(",") for line in result.out.splitlines() if "% " in line]
    expect(result, 0, out="session c1 of jane doe (1001): ended\n")
    assert steps == ["pending", "delivered", "grace", "ending"], result
    assert result.err == "" and "\r" not in result.out, result


def machines_that_cannot_be_used():
    expect(run("", "none"), 7, err="no virtual machine none on this computer")
    expect(run("", "db1"), 8, err="db1 is not running; start it first. [0xa0040206")
    expect(run("", "old1"), 9, err="Data Exchange is not enabled for old1")
    expect(run("", "twin"), 1, err="TYPE_E_AMBIGUOUSNAME")


def this_computer_cannot_be_used():
    for host, status, text in (
            ("machines=none", 1, "run this as an elevated administrator"),
            ("connect=namespace-denied", 1, 'add it to "Hyper-V Administrators" there'),
            ("connect=no-role", 1, "There is no Hyper-V on this computer"),
            ("connect=service-stopped", 1, "(winmgmt) is disabled on this computer"),
            ("guest=logoff vmms=none", 1, "(vmms) is not running on this computer"),
            ("query=provider", 1, "restart the service")):
        expect(run(host, "web1"), status, err=text)
    # It is the same if no machine is named.
    expect(run("machines=none", "--all", "--yes"), 1, err="run this as an elevated administrator")
    expect(run("connect=no-role", "--list"), 1, err="There is no Hyper-V on this computer")


def results_of_the_guest():
    expect(run("guest=refuses", "web1"), 10, err="Not by KVP. [0x80070005")
    expect(run("guest=late", "web1"), 4, err="Two are left. [0xa0040202 VM_E_TIMED_OUT]")
    expect(run("guest=busy", "web1"), 6, err="ERROR_BUSY")


def hyper_v_sockets():
    """Wine has none, so that key-value pairs are used."""
    for options in ("--via=vsock",), ("--watch",):
        expect(run("guest=logoff vsock=yes", *options, "web1"), 1, err="This Windows has no Hyper-V sockets")
    result = run("guest=logoff vsock=yes", "--json", "web1")
    expect(result, 0)
    assert objects(result)[-1]["via"] == "kvp", result


def the_registration():
    expect(run("", "--register"), 0, out="Hyper-V permits sockets of hv-logoff")
    expect(run("", "--unregister"), 0, out="does not permit sockets of hv-logoff to guests any more")
    expect(run("", "--unregister", "web1"), 64, err="cannot be combined with anything else")


def several_machines():
    result = run("guest=logoff", "web1", "{" + WEB1 + "}", "DB*")
    expect(result, 8, out="2 machines: 1 logged off, 0 with nobody to log off, 1 failed: db1")
    expect(run("guest=logoff", "?[a-g]b1"), 0, out="web1: All.")
    # One of two machines of a name is not left out without a word.
    result = run("guest=logoff", "--all", "--yes")
    expect(result, 0, out="web1: All.", err="twin is skipped: Several virtual machines")
    expect(run("guest=logoff", "--all"), 64, err="--all requires --yes")


def patterns_are_not_names_of_files():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "we-a-file").touch()
        expect(run("guest=logoff", "we*", cwd=folder), 0, out="web1: All.")


def the_list():
    result = run("guest=logoff", "--list")
    expect(result, 0, out="db1                      The virtual machine db1 is not running")
    names = [line["machine"] for line in objects(run("guest=logoff", "--list", "--json"))]
    assert names == ["db1", "old1", "twin", "web1"], names


def text_of_others():
    name = "büro € \U0001f600 \""
    line = objects(run("", "--json", name))[-1]
    assert line["machine"] == name and name in line["text"], line


def a_request():
    request = {"machines": ["web1"], "message": "x\" --force \" €", "timeout": 120}
    lines = objects(run("guest=logoff", "--request=-", text=json.dumps(request)))
    assert lines[-1]["name"] == "S_OK" and lines[-1]["guid"] == WEB1, lines
    result = run("guest=logoff", "--request=-", text=json.dumps({"machines": ["x\" --all --yes \""]}))
    assert result.status == 7 and objects(result)[-1]["machine"] == "x\" --all --yes \"", result
    result = run("guest=stays", "--request=-", text=json.dumps(request) + '\n{"cancel": true}\n')
    assert result.status == 5 and objects(result)[-1]["name"] == "ERROR_CANCELLED", result
    result = run("", "--request=-", text='{"machines": ["web1"], "forced": true}')
    assert result.status == 64 and objects(result)[0]["event"] == "refused", result


def other_hosts():
    account = {"machines": ["web1"], "host": NO_HOST, "user_name": "HV01\\admin"}
    expect(run("", f"--host={NO_HOST}", "web1"), 1, err=f"{NO_HOST} is not known")
    expect(run("", "--host=LOCALHOST", "--list"), 0, out="web1")
    expect(run("", "--user-name=HV01\\admin", "web1"), 64,
           err="--user-name cannot be used for this computer")
    # Standard input is no console that can be asked for the password.
    expect(run("", f"--host={NO_HOST}", "--user-name=HV01\\admin", "web1"), 64,
           err=f"the generic credential vmlogoff:{NO_HOST}")
    result = run("", "--request=-", text=json.dumps(account))
    assert result.status == 64 and 'set "password", or' in objects(result)[0]["text"], result
    result = run("", "--request=-", text=json.dumps({**account, "password": "secret"}))
    assert result.status == 1 and f"{NO_HOST} is not known" in result.out, result
    assert "secret" not in result.out + result.err, result
    expect(run("", f"--host={NO_HOST}", "--password=secret", "web1"), 64)


def the_audit():
    """Wine does not keep entries of the event log, but can print them."""
    result = run("guest=late", "--message", "Büro", "web1", debug="-all,+eventlog")
    entries = [line.split('L"')[1].rstrip('"') for line in result.err.splitlines()
               if ":ReportEventW L" in line]
    assert len(entries) == 16 and entries[1:3] == ["web1", WEB1], result
    assert entries[6] == "timeout 60 s, grace 0 s, message: B\\00fcro", entries
    assert entries[5] == entries[13] and entries[5].startswith("0x"), entries
    assert entries[14:] == ["0xa0040202 VM_E_TIMED_OUT", "Two are left."], entries


@contextlib.contextmanager
def endpoint_mapper(backlog):
    """Something listens on TCP port 135 of OTHER_HOST."""
    with socket.socket() as listener:
        listener.bind((OTHER_HOST, 135))
        listener.listen(backlog)
        yield


@contextlib.contextmanager
def silence():
    """The queue of the listener is full, and so other connections get no answer."""
    with endpoint_mapper(0), contextlib.ExitStack() as stack:
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((OTHER_HOST, 135))
        yield


def other_hosts_that_cannot_be_used():
    def expect_error(host, status, text):
        expect(run(host, f"--host={OTHER_HOST}", "web1"), status, err=text)

    expect_error("", 1, f"{OTHER_HOST} refuses connections to TCP port 135")
    with silence():
        expect_error("", 1, f"{OTHER_HOST} does not answer on TCP port 135; check that it is on")
    with endpoint_mapper(8):
        for host, status, text in (
                ("connect=dcom-denied", 10, f"DCOM on {OTHER_HOST} refuses this account"),
                ("connect=namespace-denied", 1, f"WMI on {OTHER_HOST} refuses this account"),
                ("connect=no-role", 1, f"There is no Hyper-V on {OTHER_HOST}"),
                ("connect=service-stopped", 1, f"(winmgmt) is disabled on {OTHER_HOST}"),
                ("connect=unavailable", 1, f"WMI on {OTHER_HOST} cannot be reached"),
                ("machines=none", 1, "run this as an elevated administrator")):
            expect_error(host, status, text)
        result = run("guest=logoff", f"--host={OTHER_HOST}", "web1")
        expect(result, 0, out="web1: All.")


@contextlib.contextmanager
def in_state(host, state):
    """vmlogoff, after it has shown that state."""
    with start(host, "web1") as process:
        try:
            while f" {state}," not in (line := process.stdout.readline().decode()):
                assert line, "it has ended"
            yield process
        finally:
            process.kill()


def control_c_cancels():
    with in_state("guest=stays", "grace") as process:
        process.send_signal(signal.SIGINT)
        expect(finish(process), 5, err="web1: Cancelled. [0x800704c7 ERROR_CANCELLED]")


def a_second_control_c_ends():
    with in_state("guest=ending", "ending") as process:
        process.send_signal(signal.SIGINT)
        while "too late to cancel" not in (line := process.stderr.readline().decode()):
            assert line, "it has ended"
        process.send_signal(signal.SIGINT)
        expect(finish(process), CONTROL_C_EXIT)


class Console:
    """vmlogoff on a terminal, which Wine makes its console."""

    def __init__(self, host, *arguments):
        self.master, terminal = pty.openpty()
        tty.setraw(terminal)  # what is typed before Wine reads is neither shown nor changed
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        self.process = subprocess.Popen(
            [WINE, str(FOLDER / "vmlogoff.exe"), *arguments], start_new_session=True,
            env={**os.environ, "HVWMI": host, "LC_ALL": "C.UTF-8", "TERM": "xterm"},
            stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def wait_for(self, part):
        while part not in self.text:
            assert select.select([self.master], [], [], LIMIT)[0], self.text
            self.text += os.read(self.master, 4096).decode(errors="replace")

    def type(self, line):
        os.write(self.master, line.encode() + b"\r")


def a_console():
    """Text is UTF-16 on it. A question is shown before it is read. A password is not shown."""
    with Console("", "büro €") as console:
        console.wait_for("no virtual machine büro € on this computer")
    with Console("guest=logoff", "--all") as console:
        console.wait_for("the users of 1 machines: web1? [y/N]")
        console.type("y")
        console.wait_for("web1: All.")
    with Console("", f"--host={NO_HOST}", "--user-name=HV01\\admin", "web1") as console:
        console.wait_for(f"Password of HV01\\admin for {NO_HOST}:")
        console.type("secret")
        console.wait_for("is not known; check")
        assert "secret" not in console.text, console.text


TESTS = [logoff, machines_that_cannot_be_used, this_computer_cannot_be_used, results_of_the_guest,
         hyper_v_sockets, the_registration, several_machines, patterns_are_not_names_of_files,
         the_list, text_of_others, a_request, other_hosts, other_hosts_that_cannot_be_used,
         the_audit, control_c_cancels, a_second_control_c_ends, a_console]


def register(*options):
    subprocess.run([WINE, "regsvr32", "/s", *options, str(FOLDER / "hvwmi.dll")], check=True,
                   timeout=LIMIT, stdin=subprocess.DEVNULL)


def main():
    # While a program runs, the others need not wait for the start of Wine's services.
    with subprocess.Popen([WINE, "cmd"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):
        register()
        failed = run_all(TESTS)
        register("/u")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
