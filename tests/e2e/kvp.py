# SPDX-License-Identifier: GPL-2.0-or-later
"""Key-value pairs: hvhost's side of them against the stock driver and the stock daemon."""

import base64
import time

from machine import BOUND, Refused

KEY, VALUE = 512, 2048  # bytes of a record in a pool's file
EXTERNAL, GUEST = 0, 1
FOLDER = "/var/lib/hyperv"

INVALID_PARAMETER, INVALID_STATE = 32773, 32775  # of what WMI's methods return

CASES = []


def case(function):
    CASES.append(function)
    return function


def pool_bytes(machine, pool):
    return base64.b64decode(machine.run(f"base64 {FOLDER}/.kvp_pool_{pool}"))


def records(data):
    """The items in a pool's file. What is behind a NUL is nobody's: the daemon's memory."""
    assert len(data) % (KEY + VALUE) == 0, f"a pool of {len(data)} bytes"

    def text(start, size):
        return data[start:start + size].split(b"\0")[0].decode()

    return {text(at, KEY): text(at + KEY, VALUE) for at in range(0, len(data), KEY + VALUE)}


def record(key, value):
    return key.encode().ljust(KEY, b"\0") + value.encode().ljust(VALUE, b"\0")


def append(machine, pool, data):
    """As another program of the guest's does."""
    text = base64.b64encode(data).decode()
    machine.run(f"echo {text} | base64 -d >>{FOLDER}/.kvp_pool_{pool}")


def until(what, condition):
    """Waits until it is true; what it was then."""
    deadline = time.monotonic() + BOUND
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.2)
    return value


def tests(items):
    """Those of them that are ours here."""
    return {key: value for key, value in items.items() if key.startswith("test")}


def wait_pool(machine, wanted):
    """Waits until the guest's external pool has these items and no others of ours."""
    until(f"{wanted} in pool 0",
          lambda: tests(records(pool_bytes(machine, EXTERNAL))) == wanted)


def refused(machine, code, command, **members):
    try:
        machine.ask(command, **members)
    except Refused as refusal:
        machine.say(f"{refusal.reply['return']}: {refusal}")
        assert refusal.reply["return"] == code, refusal.reply
        return
    raise AssertionError(f"{command} with {members} was not refused")


def remove_all(machine):
    for name in machine.ask("kvp_host_items")["items"]:
        machine.ask("kvp_remove", name=name)
    wait_pool(machine, {})


def reboot(machine, how):
    """Ends with a guest that is up again, by the host's request or at once."""
    before = machine.run("cat /proc/sys/kernel/random/boot_id")
    if how == "shutdown":
        machine.ask("shutdown", reboot=True)
    else:
        machine.ask("reset")
    machine.wait("kvp", "closed")
    machine.wait("kvp", "negotiated")
    assert machine.run("cat /proc/sys/kernel/random/boot_id") != before, "that was no reboot"


@case
def kvp_intrinsic_items(machine):
    """stock hv_kvp_daemon tells the host what the guest's system is"""
    items = until("intrinsic items", lambda: machine.ask("kvp_intrinsic_items")["items"])
    machine.say(f"{items}")
    release = machine.run("uname -r").strip()
    assert items["OSName"] == machine.run(". /etc/os-release; echo $NAME").strip()
    assert items["OSBuildNumber"] in (release, release.split("-")[0])
    assert items["OSVersion"] == release.split("-")[0]
    assert items["ProcessorArchitecture"] == machine.run("uname -m").strip()
    for name in ("FullyQualifiedDomainName", "IntegrationServicesVersion", "OSMajorVersion"):
        assert items[name], f"{name} is empty"


@case
def kvp_host_items(machine):
    """the host's items reach the guest's file: added, modified, removed, in any script"""
    odd, grin = "test Ключ", "€ \U0001f600 ä"
    machine.ask("kvp_add", name="test one", data="1")
    machine.ask("kvp_add", name=odd, data=grin * 20)
    wait_pool(machine, {"test one": "1", odd: grin * 20})
    machine.ask("kvp_modify", name=odd, data=grin)
    wait_pool(machine, {"test one": "1", odd: grin})
    assert machine.ask("kvp_host_items")["items"] == {"test one": "1", odd: grin}
    machine.ask("kvp_remove", name="test one")
    wait_pool(machine, {odd: grin})
    remove_all(machine)


@case
def kvp_guest_items(machine):
    """what a program in the guest writes into its pool shows up on the host"""
    append(machine, GUEST, record("test", "first") + record("test ñ", "x" * 1500))
    # Linux sends 1022 units of a value and no more.
    wanted = {"test": "first", "test ñ": "x" * 1022}
    assert tests(machine.ask("kvp_guest_items")["items"]) == wanted
    machine.run(f": >{FOLDER}/.kvp_pool_1")
    assert tests(machine.ask("kvp_guest_items")["items"]) == {}


@case
def kvp_refusals(machine):
    """WMI's return values, and the limits of a key and of a value"""
    refused(machine, INVALID_PARAMETER, "kvp_modify", name="test", data="")
    refused(machine, INVALID_PARAMETER, "kvp_remove", name="test")
    for name, data in (("", "x"), ("k" * 256, "x"), ("test", "x" * 1024),
                       ("test", "\U0001f600" * 512), (None, "x"), ("test", None)):
        refused(machine, INVALID_PARAMETER, "kvp_add", name=name, data=data)
    longest = {"test" + "k" * 251: "x" * 1023}
    for name, data in longest.items():
        machine.ask("kvp_add", name=name, data=data)
        refused(machine, INVALID_PARAMETER, "kvp_add", name=name, data="x")
    wait_pool(machine, longest)
    remove_all(machine)
    machine.ask("rescind", component="kvp")
    refused(machine, INVALID_STATE, "kvp_add", name="test", data="x")
    machine.ask("offer", component="kvp")
    machine.wait("kvp", "negotiated")


@case
def kvp_command_line(machine):
    """hvhost kvp: what it prints, and exit status 0 for a return value of 0 only"""
    machine.command("kvp", "add", "test", "a value")
    assert machine.command("kvp", "host-items").stdout == "test=a value\n"
    again = machine.command("kvp", "add", "test", "another", check=False)
    machine.say(again.stdout)
    assert again.returncode == 1 and "kvp_modify" in again.stdout, again
    assert "OSName=" in machine.command("kvp", "intrinsic-items").stdout
    machine.command("kvp", "remove", "test")
    wait_pool(machine, {})


@case
def kvp_without_daemon(machine):
    """hv_kvp_daemon stops: the host has what it knew, and what it changes waits for the next one"""
    known = machine.ask("kvp_intrinsic_items")["items"]
    machine.run("systemctl stop hv-kvp-daemon")
    assert machine.ask("kvp_intrinsic_items")["items"] == known
    machine.ask("kvp_add", name="test", data="late")
    machine.run("systemctl start hv-kvp-daemon")
    wait_pool(machine, {"test": "late"})
    remove_all(machine)


@case
def kvp_reboot(machine):
    """the host's items outlive the guest's restart, and its reset"""
    machine.ask("kvp_add", name="test", data="stays")
    for how in ("shutdown", "reset"):
        reboot(machine, how)
        wait_pool(machine, {"test": "stays"})
    remove_all(machine)
    machine.wait("logoff", "negotiated")
