#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Installs the Debian packages with apt in a system that has a kernel and its headers, lets DKMS
build the driver for two kernels, and boots that system with each of them on hvhost. In the booted
guest, with systemd, it upgrades, removes and installs the packages. Prints the results as TAP and
writes them to BUILD/results/dkms-RELEASE.tap."""

import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

import kvp
import kvp_logoff
import vsock
from checks import (E_CANCELLED, S_OK, Cases, check_complete_once, check_result, daemon_pid,
                    in_grace, logoff, same, until)
from machine import BOOT, BOUND, Machine, read_log
from run import FOLDER, Report

PACKAGES = FOLDER.parent / "packages"
NO_RELEASE = 77  # the exit status of root.sh if the mirror does not have the release
REPOSITORY = "/repository"
# hv-logoff also in a later version, to which a guest upgrades.
DEBS = ("hv-logoff_*.deb", "hv-logoff-dkms_*.deb")
# The guest boots without an initramfs of initramfs-tools, which would take a minute.
APT = "INITRD=No DEBIAN_FRONTEND=noninteractive apt-get -y"
UNSIGNED = f"{REPOSITORY}/hv-logoff-unsigned.ko"
LOG = "/var/lib/dkms/hv-logoff/*/build/make.log"

DISK = Cases()  # of the system that is not booted
GUEST = Cases()  # of a guest with the component
CONTAINER = Cases()  # of the system in a container, where a file stands in for the device of KVP
LOCKED = Cases()  # of a guest whose kernel only loads modules that are signed with a known key


class System:
    """A Debian system in a directory, in which no daemon runs."""

    def __init__(self, build, release, folder):
        self.build = build
        self.root = folder / "root"
        self.image = folder / "guest.img"
        self.release = release

    def unpack(self, tar):
        self.root.mkdir()
        subprocess.run(["tar", "-x", "-C", self.root, "--exclude=./dev/*", "-f", tar], check=True)
        self.inside("for user in alice bob carol; do"
                    "   useradd --create-home --shell /bin/bash $user; done;"
                    "echo 'deb [trusted=yes] file:/repository ./' >/etc/apt/sources.list;"
                    "rm -f /etc/apt/sources.list.d/*")
        for name in DEBS:
            for deb in (self.build / f"packages-{self.release}").glob(name):
                shutil.copy(deb, self.path(REPOSITORY))
        self.inside(f"cd {REPOSITORY}; dpkg-deb -R hv-logoff_*.deb /tmp/later;"
                    "sed -i 's/^Version: .*/&+later/' /tmp/later/DEBIAN/control;"
                    "dpkg-deb -b /tmp/later .; dpkg-scanpackages --multiversion . >Packages;"
                    "apt-get update")

    def path(self, name):
        return self.root / name.lstrip("/")

    def kernels(self):
        """The first and the last kernel in the repository."""
        return self.path(REPOSITORY + "/kernels").read_text().split()

    def inside(self, script):
        """Runs a shell script in the system, and returns its output."""
        done = subprocess.run([PACKAGES / "inside.sh", self.root, script], text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, f"{script!r} returned {done.returncode}: {done.stdout}"
        return done.stdout

    def install(self, *packages):
        return self.inside(f"{APT} install {' '.join(packages)}")

    def dkms_status(self, kernel):
        return [line for line in self.inside("dkms status hv-logoff 2>/dev/null").splitlines()
                if kernel in line and not line.startswith("+")]

    def pack(self):
        subprocess.run([PACKAGES / "pack.sh", self.root, self.build, self.image], check=True)
        size = self.image.stat().st_size >> 20
        return f"the guest's image has {size} MiB"

    def kernel_file(self, kernel):
        return self.path(f"/boot/vmlinuz-{kernel}")


def check_built(system, kernel):
    status = system.dkms_status(kernel)
    assert len(status) == 1 and "installed" in status[0], status
    found = system.inside(f"modinfo -k {kernel} -F filename hv_logoff")
    assert f"/lib/modules/{kernel}/updates/dkms/hv_logoff.ko" in found, found


@DISK.add
def without_headers(system):
    """hv-logoff-dkms without the kernel's headers: the package with them is named"""
    first, _ = system.kernels()
    # The later version of hv-logoff is for upgrades.
    output = system.install(f"linux-image-{first}", f"{REPOSITORY}/hv-logoff_*[0-9]_amd64.deb",
                            "hv-logoff-dkms")
    same("what DKMS has built", system.dkms_status(first), [])
    assert f"linux-headers-{first}" in output, output


@DISK.add
def first_kernel(system):
    """the headers of the first kernel are installed: DKMS builds the module"""
    first, _ = system.kernels()
    system.install(f"linux-headers-{first}")
    check_built(system, first)


@DISK.add
def unsigned_module(system):
    """DKMS has signed the module; a copy without the signature is made"""
    first, _ = system.kernels()
    module = f"/lib/modules/{first}/updates/dkms/hv_logoff.ko"
    system.inside(f"modinfo -k {first} -F sig_id hv_logoff | grep .;"
                  f"cp {module}* {REPOSITORY}; cd {REPOSITORY};"
                  "! test -e hv_logoff.ko.xz || xz -d hv_logoff.ko.xz;"
                  f"mv hv_logoff.ko {UNSIGNED}; strip --strip-debug {UNSIGNED};"
                  f"! modinfo -F sig_id {UNSIGNED} | grep .")


@DISK.add
def build_fails(system):
    """the module cannot be built for the second kernel: DKMS's log is where doctor looks for it"""
    _, second = system.kernels()
    source = next(system.path("/usr/src").glob("hv-logoff-*")) / "driver/core.c"
    text = source.read_text()
    source.write_text("#error broken\n" + text)
    system.inside(f"{APT} install linux-image-{second} linux-headers-{second} || true")
    source.write_text(text)
    log = next(system.root.glob(LOG.lstrip("/"))).read_text()
    assert f"for kernel {second} " in log.splitlines()[0], log
    assert "error: #error broken" in log, log


@DISK.add
def second_kernel(system):
    """the second kernel and its headers are installed: the hook makes DKMS build the module"""
    _, second = system.kernels()
    system.inside(f"{APT} purge linux-image-{second} linux-headers-{second}")
    system.install(f"linux-image-{second}", f"linux-headers-{second}")
    check_built(system, second)


def apt(machine, command):
    """Runs apt-get in a guest with the packages in its repository."""
    output = machine.run(f"exec 2>&1; cd {REPOSITORY} && {APT} {command}", timeout=BOOT)
    for line in output.splitlines():
        machine.log("  apt| " + line)
    return output


def doctor(machine, status=0):
    """Checks the exit status of doctor, and returns the problems by their subjects."""
    output = machine.run("hv-logoffctl --json doctor; echo $?")
    text, _, found = output.rstrip("\n").rpartition("\n")
    result = json.loads(text)
    for finding in result["findings"]:
        machine.log(f"  {finding['state']} {finding['subject']}: {finding['text']}")
    same("the exit status of doctor", int(found), status)
    return {finding["subject"]: finding["text"] for finding in result["findings"]
            if finding["state"] == "problem"}


def check_no_failed_unit(machine):
    """Those of hyperv-daemons fail where the host does not offer their components."""
    units = machine.run("systemctl --failed --no-legend --plain").splitlines()
    same("the failed units", [unit for unit in units if not unit.startswith("hv-")
                              or unit.startswith("hv-logoff")], [])


def check_runs(machine, wait=True):
    """The service is active, and reports itself as systemd's users expect it."""
    until("the service", lambda: not wait or "inactive" not in
          machine.run("systemctl is-active hv-logoffd || true"))
    status = machine.run("systemctl status --no-pager hv-logoffd")
    for line in status.splitlines():
        machine.log("  status| " + line)
    assert "active (running)" in status, status
    check_no_failed_unit(machine)


def check_logoff(machine):
    """The module is DKMS's, the service is the package's, and a logoff ends the session."""
    kernel = machine.run("uname -r").strip()
    module = machine.run("modinfo -n hv_logoff")
    assert module.startswith(f"/lib/modules/{kernel}/updates/dkms/hv_logoff.ko"), module
    unit = machine.run("systemctl show -P FragmentPath hv-logoffd").strip()
    assert "hv-logoff:" in machine.run(f"dpkg -S {unit}"), unit
    check_runs(machine)
    machine.open_session("login", "alice")
    reply = logoff(machine).finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (1, 1))
    same("the sessions", machine.sessions(), [])
    same("the problems", doctor(machine), {})


@GUEST.add
def works(machine):
    """a logoff by DKMS's module and the packages' unit and udev rule; no failed unit"""
    check_logoff(machine)


@GUEST.add
def upgrade_by_component(machine):
    """upgrade during a request by the component: the new daemon continues it; downgrade"""
    session = machine.open_session("pam", "alice")
    before = daemon_pid(machine)
    request, request_id = in_grace(machine, grace=1800)
    apt(machine, "install ./hv-logoff_*+later_*.deb")
    check_runs(machine)
    assert daemon_pid(machine) != before, "the daemon was not restarted"
    status = json.loads(machine.run("hv-logoffctl --json status"))
    same("the state and the transport", (status["State"], status["Transport"]),
         ("grace", "component"))
    machine.rpc("cancel", id=request_id)
    check_result(machine, request.finish(), E_CANCELLED)
    check_complete_once(machine, request_id)
    same("the sessions", machine.sessions(), [session])
    apt(machine, "install --allow-downgrades ./hv-logoff_*[0-9]_amd64.deb")
    check_runs(machine)
    check_result(machine, logoff(machine).finish(), S_OK)
    same("the sessions", machine.sessions(), [])


@GUEST.add
def installation(machine):
    """purged and installed again: the service is active at once, and doctor finds no problem"""
    apt(machine, "purge hv-logoff")
    machine.run("! systemctl cat hv-logoffd 2>/dev/null")
    check_no_failed_unit(machine)
    output = apt(machine, "install ./hv-logoff_*[0-9]_amd64.deb; systemctl is-active hv-logoffd")
    same("the state when apt has ended", output.split()[-1], "active")
    check_runs(machine)
    machine.wait("logoff", "negotiated")
    same("the problems", doctor(machine), {})


def prepare_purge(machine):
    """An item of another program, and a drop-in of the administrator."""
    until("an answer", lambda: kvp.ANSWER in kvp.records(kvp.pool_bytes(machine, kvp.GUEST)))
    kvp.append(machine, kvp.GUEST, kvp.record("test", "of another program"))
    machine.run("mkdir -p /etc/systemd/system/hv-logoffd.service.d;"
                "printf '[Service]\\nNice=1\\n' "
                ">/etc/systemd/system/hv-logoffd.service.d/nice.conf")


def check_purged(machine, files):
    """Nothing is left but the pools of KVP with the other program's item."""
    same("the files of KVP", machine.run("ls -A /var/lib/hyperv"), files)
    same("the items of KVP", sorted(kvp.records(kvp.pool_bytes(machine, kvp.GUEST))), ["test"])
    left = machine.run("ls -d /run/hv-logoff /var/lib/hv-logoff /etc/hv-logoff "
                       "/etc/systemd/system/hv-logoffd.service.d 2>/dev/null || true")
    same("what is left", left, "")
    machine.run("! systemctl is-active --quiet hv-logoffd hv-logoffd.socket")
    check_no_failed_unit(machine)


@GUEST.add
def purge(machine):
    """purge during a request: answer, nologin, drop-in and module are gone, other items stay"""
    prepare_purge(machine)
    machine.open_session("pam", "alice")
    request, _ = in_grace(machine, grace=1800, no_logins=True)
    machine.wait_run("test -e /run/nologin")
    files = machine.run("ls -A /var/lib/hyperv")
    apt(machine, "purge hv-logoff hv-logoff-dkms")
    reply = request.finish()
    machine.log(f"the host's reply: {reply}")
    assert reply["hresult"] != S_OK, reply
    check_purged(machine, files)
    machine.run("! test -e /run/nologin; ! test -e /sys/module/hv_logoff")


def check_refused_module(machine, text):
    """The kernel refuses the module, doctor says why, and KVP is not affected."""
    machine.log(machine.run("modprobe hv_logoff 2>&1 || true").strip())
    machine.run("! test -e /sys/module/hv_logoff")
    problems = doctor(machine)
    assert text in problems.pop("module"), text
    same("other problems", problems, {})


@LOCKED.add
def lockdown(machine):
    """lockdown=integrity: a module without a known key is refused; KVP and sockets need none"""
    assert "[integrity]" in machine.run("cat /sys/kernel/security/lockdown")
    check_refused_module(machine, "is signed, but is not loaded")
    machine.run("cd /lib/modules/$(uname -r)/updates/dkms; rm hv_logoff.ko*;"
                f"cp {UNSIGNED} hv_logoff.ko; depmod 2>/dev/null")
    check_refused_module(machine, "is not signed")
    session = machine.open_session("pam", "alice")
    request_id = kvp_logoff.request(machine, timeout=BOUND)
    kvp_logoff.finish(machine, request_id, S_OK)
    assert session not in machine.sessions(), session
    kvp_logoff.forget(machine, request_id)
    session = machine.open_session("pam", "bob")
    connection, request_id = vsock.Connection(machine), vsock.new_id()
    connection.operation(vsock.LOGOFF, request_id)
    connection.complete(request_id, S_OK)
    same("what has ended", connection.named(vsock.ENDED, request_id), {(session, "bob")})
    connection.close()
    check_no_failed_unit(machine)


class Container:
    """The system in a container: with systemd, but without VMBus and udev."""

    def __init__(self, system, log):
        self.system = system
        self.log = log
        self.process = self.leader = None

    def start(self):
        guest = FOLDER.parent / "guest"
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--volatile=overlay", "--register=no",
             "--keep-unit", "--private-network", f"--directory={self.system.root}",
             f"--bind-ro={self.system.build}/tests/guest/open-session:/usr/bin/open-session",
             f"--bind-ro={guest}/open-session.pam:/etc/pam.d/open-session"],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.leader = until("the container", self.find_leader)
        until("systemd", lambda: self.call("systemctl is-system-running").stdout.strip()
              in ("running", "degraded"))

    def find_leader(self):
        """The child that is process 1 in its namespace; nspawn has another one before it."""
        pid = self.process.pid
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if re.search(r"^NSpid:.*\t1$", read_log(pathlib.Path(f"/proc/{child}/status")), re.M):
                return child
        return None

    def call(self, script):
        return subprocess.run(
            ["nsenter", "--all", f"--target={self.leader}", "/bin/bash", "-c",
             f"export PATH=/usr/sbin:/usr/bin:/sbin:/bin; {script}"], text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, script, timeout=BOUND):
        """Runs a shell command in the container and returns its output."""
        done = self.call(f"timeout {timeout} /bin/bash -c {shlex.quote(script)}")
        assert done.returncode == 0, f"{script!r} returned {done.returncode}: {done.stdout}"
        return done.stdout

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


@CONTAINER.add
def without_vmbus(machine):
    """on a machine without VMBus, the installation starts nothing, and no unit has failed"""
    apt(machine, "purge hv-logoff")
    apt(machine, "install ./hv-logoff_*[0-9]_amd64.deb")
    check_no_failed_unit(machine)
    state = machine.run("systemctl is-active hv-logoffd hv-logoffd.socket || true")
    same("the states", state.split(), ["inactive", "inactive"])
    assert "no VMBus" in machine.run("hv-logoffctl doctor || true")


@CONTAINER.add
def active_at_once(machine):
    """where KVP is, the service is active when the installation is complete"""
    machine.run("mkdir -p /dev/vmbus /var/lib/hyperv; mknod /dev/vmbus/hv_kvp c 1 3; umask 077;"
                "for pool in 0 1 2 3 4; do : >/var/lib/hyperv/.kvp_pool_$pool; done")
    apt(machine, "purge hv-logoff")
    apt(machine, "install ./hv-logoff_*[0-9]_amd64.deb")
    check_runs(machine, wait=False)
    until("an idle answer", lambda: answer_of(machine)["state"] == "idle")


def answer_of(machine):
    items = kvp.records(kvp.pool_bytes(machine, kvp.GUEST))
    return kvp_logoff.parse(items.get(kvp.ANSWER, "state=none"))


def write_request(machine, verb, request_id, fields=""):
    """Writes the item of a request as hv_kvp_daemon does."""
    value = (f"v=1 id={request_id} issued={kvp_logoff.timestamp()} life=300 do={verb} {fields}")
    machine.run(f": >{kvp.FOLDER}/.kvp_pool_{kvp.EXTERNAL}")
    kvp.append(machine, kvp.EXTERNAL, kvp.record(kvp_logoff.REQUEST, value))


@CONTAINER.add
def upgrade_during_request(machine):
    """upgrade during a request by KVP: the restart waits for its end, and its result is kept"""
    machine.run("open-session pam alice >/dev/null 2>&1")  # which keeps its output open
    before = daemon_pid(machine)
    request_id = str(uuid.uuid4())
    write_request(machine, "logoff", request_id, f"timeout={2 * BOOT} grace={BOOT}")
    until("the grace period", lambda: answer_of(machine)["state"] == "grace")
    machine.run(f"systemd-run --unit=upgrade --working-directory={REPOSITORY} "
                f"sh -c '{APT} install ./hv-logoff_*+later_*.deb'")
    until("the wait for its end", lambda: "is restarted when its logoff is complete" in
          machine.run("journalctl -o cat -u upgrade"))
    same("the daemon", daemon_pid(machine), before)
    write_request(machine, "cancel", request_id)
    until("the end", lambda: answer_of(machine)["state"] == "done")
    same("the result", int(answer_of(machine)["result"], 16), E_CANCELLED)
    until("the end of the upgrade",
          lambda: "+later" in machine.run("dpkg-query -W -f '${db:Status-Status} ${Version}' "
                                          "hv-logoff | grep ^installed || true"))
    check_runs(machine)
    assert daemon_pid(machine) != before, "the daemon was not restarted"
    same("the result", int(answer_of(machine)["result"], 16), E_CANCELLED)


@CONTAINER.add
def downgrade(machine):
    """downgrade: the earlier version runs"""
    before = daemon_pid(machine)
    apt(machine, "install --allow-downgrades ./hv-logoff_*[0-9]_amd64.deb")
    check_runs(machine, wait=False)
    assert daemon_pid(machine) != before, "the daemon was not restarted"
    assert "+later" not in machine.run("dpkg-query -W hv-logoff")


@CONTAINER.add
def purge_of_all(machine):
    """purge: the answer, the drop-in and all files are gone; items of other programs stay"""
    prepare_purge(machine)
    files = machine.run("ls -A /var/lib/hyperv")
    apt(machine, "purge hv-logoff")
    check_purged(machine, files)


class Suite:
    """The cases of one release."""

    def __init__(self, options, report, folder):
        self.options = options
        self.report = report
        self.folder = folder
        self.system = System(options.build, options.release, folder)
        self.cmdline = (FOLDER.parent / "guest/cmdline").read_text().strip()
        self.boots = 0

    def selected(self, name):
        return not self.options.only or name in self.options.only

    def disk(self, name):
        """Runs a case on the disk; the later ones depend on it."""
        function = next(case for case in DISK if case.__name__ == name)
        if not self.report.run(f"{name}: {function.__doc__}", lambda: function(self.system)):
            raise SystemExit("the guests need this: giving up")

    def guest(self, kernel, cases, component, *options, append=""):
        """Runs the cases in one guest with that kernel."""
        cases = [case for case in cases if self.selected(case.__name__)]
        if not cases:
            return
        self.boots += 1
        machine = Machine(self.options.build / "hvhost", self.folder, f"guest{self.boots}",
                          self.report.log)

        def boot():
            machine.start(self.system.kernel_file(kernel), self.system.image,
                          self.cmdline + append, "--memory", "1024", *options)
            machine.wait(component, "negotiated", BOOT)
            machine.run("true", timeout=BOOT)

        try:
            if not self.report.run(f"boot with {kernel}", boot):
                for text in machine.tails():
                    self.report.log(text)
                return
            for case in cases:
                if not self.report.run(f"{case.__name__} with {kernel}: {case.__doc__}",
                                       lambda case=case: case(machine)):
                    self.report.log(machine.run(
                        "journalctl -b --no-pager -n 40; dmesg | tail -n 20"))
        finally:
            machine.stop()

    def container(self):
        """Runs the cases in one container; the later ones depend on the earlier ones."""
        machine = Container(self.system, self.report.log)
        try:
            if self.report.run("start of a container", machine.start):
                for case in CONTAINER:
                    if not self.report.run(f"{case.__name__}: {case.__doc__}",
                                           lambda case=case: case(machine)):
                        self.report.log(machine.run("journalctl -b --no-pager -n 60"))
                        break
        finally:
            machine.stop()

    def run(self, tar):
        self.system.unpack(tar)
        first, second = self.system.kernels()
        self.report.log(f"the kernels {first} and {second}")
        self.disk("without_headers")
        self.disk("first_kernel")
        self.disk("unsigned_module")
        self.report.log(self.system.pack())
        if self.selected("container"):
            self.container()
        self.guest(first, GUEST, "logoff")
        self.guest(first, LOCKED, "kvp", append=" lockdown=integrity")
        if self.selected("second_kernel"):
            self.disk("build_fails")
            self.disk("second_kernel")
            self.report.log(self.system.pack())
            self.guest(second, [works], "logoff")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--release", required=True, help="of Debian: bookworm or trixie")
    parser.add_argument("only", nargs="*", help="names of cases; all if none is given")
    options = parser.parse_args()
    # SIGTERM raises an exception, so that the machine is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    report = Report(options.build / f"results/dkms-{options.release}.tap")
    done = subprocess.run([PACKAGES / "root.sh", options.release], check=False, text=True,
                          stdout=subprocess.PIPE)
    if done.returncode == NO_RELEASE:
        report.skip(f"DKMS on Debian {options.release}", "the mirror does not have it")
        report.plan()
    else:
        assert done.returncode == 0, "root.sh has failed"
        with tempfile.TemporaryDirectory(prefix="hvhost-") as folder:
            try:
                Suite(options, report, pathlib.Path(folder)).run(done.stdout.strip())
            finally:
                report.plan()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
