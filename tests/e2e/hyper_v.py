# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator of Hyper-V uses, with a guest to which the host offers no logoff component:
vmlogoff.exe under Wine, whose WMI is a stand-in that is connected to hvhost, and through it to the
stock KVP daemon; and the PowerShell module, on top of it."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

import vmguestos
from checks import Cases, built
from kvp_logoff import REQUEST, same_sessions
from machine import BOUND

WINE = "/usr/lib/wine"
TESTS = pathlib.Path(__file__).parent.parent
WMI = TESTS / "wmi"
POWERSHELL = TESTS.parent / "userspace/host/powershell"

CASES = Cases()


def program(machine, name):
    return os.path.abspath(built(machine, f"windows/{name}"))


@contextlib.contextmanager
def wine(machine):
    """The environment of programs for Windows whose WMI has the machines of hvhost. Their prefix is
    not that of make test-windows, which can run at the same time."""
    environment = {**machine.environment, "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8",
                   "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
                   "WINEPREFIX": program(machine, "prefix-e2e")}
    environment.pop("DISPLAY", None)

    def run(*command):
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=4 * BOUND, check=True)

    run(WMI / "prefix.sh")
    # While cmd runs, the other programs need not wait for the start of Wine's services.
    with subprocess.Popen([WMI / "bridge.py", machine.folder], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as bridge, \
            subprocess.Popen([WINE + "/wine64", "cmd"], env=environment, stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL):
        port = bridge.stdout.readline().strip()
        try:
            run(WINE + "/wine64", "regsvr32", "/s", program(machine, "hvwmi.dll"))
            yield {**environment, "HVWMI": f"hvhost={port}"}
        finally:
            subprocess.run([WINE + "/wineserver", "-k"], env=environment, check=False)


class VmlogoffExe(vmguestos.Vmlogoff):
    """A running vmlogoff.exe."""

    def __init__(self, machine, environment, *arguments):
        self.machine = machine
        self.run([WINE + "/wine64", program(machine, "vmlogoff.exe"), "--json", *arguments,
                  machine.name], environment, subprocess.DEVNULL)

    def outcomes(self):
        """Waits for S_OK; returns the outcomes of sessions."""
        return {(result["outcome"], result["session"], result["user"])
                for result in self.finish(vmguestos.OK)["sessions"] if result["session"]}


@CASES.add
def kvp_vmlogoff_exe(machine):
    """vmlogoff.exe, by WMI: sessions, busy, cancelled by Ctrl-C and --cancel, logged off, nobody"""
    sessions = {(machine.open_session(kind, user), user)
                for kind, user in (("login", "alice"), ("pam", "bob"))}
    with wine(machine) as environment:
        def run(*arguments, generation="2025"):
            behavior = f"{environment['HVWMI']} generation={generation}"
            return VmlogoffExe(machine, {**environment, "HVWMI": behavior}, *arguments)

        for generation in "2012r2", "2016", "2025":
            # They differ in how they answer a request to modify an item that is missing.
            if REQUEST in machine.rpc("kvp_host_items")["items"]:
                machine.rpc("kvp_remove", name=REQUEST)
            assert run("--dry-run", generation=generation).outcomes() == {
                ("selected", *session) for session in sessions}
        command = run("--timeout", "1000", "--grace", "900")
        command.in_grace()
        run().finish(vmguestos.BUSY)
        command.interrupt()
        command.finish(vmguestos.CANCELLED)
        command = run("--timeout", "1000", "--grace", "900")
        run("--cancel=" + command.in_grace()["id"]).finish(vmguestos.OK)
        command.finish(vmguestos.CANCELLED)
        same_sessions(machine, [session for session, _ in sessions])
        command = run("--timeout", str(BOUND), "--message", "Good night. €")
        assert command.outcomes() == {("ended", *session) for session in sessions}
        same_sessions(machine, [])
        run().finish(vmguestos.NO_SESSION)


def find_powershell():
    """The paths of PowerShell and of Pester, or None without them."""
    found = subprocess.run([POWERSHELL / "pwsh.sh"], stdout=subprocess.PIPE, text=True,
                           check=False)
    return found.stdout.splitlines() if found.returncode == 0 else None


@CASES.add
def kvp_powershell(machine):
    """the PowerShell module on vmlogoff.exe: sessions, stopped in the grace, logged off, nobody"""
    found = find_powershell()
    assert found, "PowerShell and Pester could not be installed"
    pwsh, pester = found
    with wine(machine) as environment, tempfile.TemporaryDirectory() as folder:
        command = pathlib.Path(folder) / "vmlogoff"
        command.write_text("#!/bin/sh\n"
                           f"exec {WINE}/wine64 '{program(machine, 'vmlogoff.exe')}' \"$@\"\n")
        command.chmod(0o755)
        done = subprocess.run(
            [pwsh, "-NoProfile", "-NonInteractive", "-File", POWERSHELL / "tap.ps1", pester,
             TESTS / "e2e"], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=5 * BOUND, check=False,
            env={**environment, "MODULE": str(POWERSHELL / "HvLogoff"), "VMLOGOFF": str(command),
                 "HVHOST": os.path.abspath(machine.hvhost), "MACHINE": machine.name,
                 "POWERSHELL_TELEMETRY_OPTOUT": "1"})
        machine.log(done.stdout)
        assert done.returncode == 0, "a test failed"
