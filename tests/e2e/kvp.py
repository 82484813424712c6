# SPDX-License-Identifier: GPL-2.0-or-later
"""Key-value pairs: hvhost's implementation with the guest's stock driver and stock daemon."""

import base64
import functools

from checks import Cases, boot_id, offer, until
from machine import Refused

KEY, VALUE = 512, 2048  # bytes of a record in a pool's file
EXTERNAL, GUEST = 0, 1
FOLDER = "/var/lib/hyperv"
ANSWER = "HvLogoffAnswer"

INVALID_PARAMETER, INVALID_STATE = 32773, 32775  # return values of WMI methods

CASES = Cases()


def pool_bytes(machine, pool):
    return base64.b64decode(machine.run(f"base64 {FOLDER}/.kvp_pool_{pool}"))


def records(data):
    """The items in a pool's file. The bytes after a NUL are uninitialized memory of the daemon."""
    assert len(data) % (KEY + VALUE) == 0, f"a pool of {len(data)} bytes"

    def text(start, size):
        return data[start:start + size].split(b"\0")[0].decode()

    return {text(at, KEY): text(at + KEY, VALUE) for at in range(0, len(data), KEY + VALUE)}


def record(key, value):
    return key.encode().ljust(KEY, b"\0") + value.encode().ljust(VALUE, b"\0")


def append(machine, pool, data):
    """Appends to a pool's file like another program in the guest."""
    text = base64.b64encode(data).decode()
    machine.run(f"echo {text} | base64 -d >>{FOLDER}/.kvp_pool_{pool}")


def clear_pool(machine, pool):
    machine.run(f": >{FOLDER}/.kvp_pool_{pool}")


def tests(items):
    """The items that these cases have added."""
    return {key: value for key, value in items.items() if key.startswith("test")}


def wait_pool(machine, wanted):
    """Waits until the guest's external pool has exactly these test items."""
    until(f"{wanted} in pool 0",
          lambda: tests(records(pool_bytes(machine, EXTERNAL))) == wanted)


def check_refused(machine, code, command, **members):
    try:
        machine.rpc(command, **members)
    except Refused as refusal:
        machine.log(f"{refusal.reply['return']}: {refusal}")
        assert refusal.reply["return"] == code, refusal.reply
        return
    raise AssertionError(f"{command} with {members} was not refused")


def remove_all(machine):
    for name in machine.rpc("kvp_host_items")["items"]:
        machine.rpc("kvp_remove", name=name)
    wait_pool(machine, {})


def with_own_items(function):
    """Decorator: the case starts without items of the host, and leaves none. A logoff by KVP
    leaves the item of its last request."""
    @functools.wraps(function)
    def run(machine):
        remove_all(machine)
        try:
            function(machine)
        finally:
            remove_all(machine)

    return run


def reboot(machine, how):
    """Reboots the guest by "shutdown" or "reset", and waits until it is up again."""
    before = boot_id(machine)
    if how == "shutdown":
        machine.rpc("shutdown", reboot=True)
    else:
        machine.rpc("reset")
    machine.wait("kvp", "closed")
    machine.wait("kvp", "negotiated")
    assert boot_id(machine) != before, "the guest did not reboot"


@CASES.add
def kvp_intrinsic_items(machine):
    """stock hv_kvp_daemon reports the guest's operating system to the host"""
    items = until("intrinsic items", lambda: machine.rpc("kvp_intrinsic_items")["items"])
    machine.log(f"{items}")
    release = machine.run("uname -r").strip()
    assert items["OSName"] == machine.run(". /etc/os-release; echo $NAME").strip()
    assert items["OSBuildNumber"] in (release, release.split("-")[0])
    assert items["OSVersion"] == release.split("-")[0]
    assert items["ProcessorArchitecture"] == machine.run("uname -m").strip()
    for name in ("FullyQualifiedDomainName", "IntegrationServicesVersion", "OSMajorVersion"):
        assert items[name], f"{name} is empty"


@CASES.add
@with_own_items
def kvp_host_items(machine):
    """items that the host adds, modifies or removes reach the guest's pool, even non-ASCII ones"""
    key, value = "test Ключ", "€ \U0001f600 ä"
    machine.rpc("kvp_add", name="test one", data="1")
    machine.rpc("kvp_add", name=key, data=value * 20)
    wait_pool(machine, {"test one": "1", key: value * 20})
    machine.rpc("kvp_modify", name=key, data=value)
    wait_pool(machine, {"test one": "1", key: value})
    assert machine.rpc("kvp_host_items")["items"] == {"test one": "1", key: value}
    machine.rpc("kvp_remove", name="test one")
    wait_pool(machine, {key: value})


@CASES.add
def kvp_guest_items(machine):
    """items that a program in the guest writes to its pool reach the host"""
    append(machine, GUEST, record("test", "first") + record("test ñ", "x" * 1500))
    # Linux truncates a value to 1022 UTF-16 code units.
    wanted = {"test": "first", "test ñ": "x" * 1022}
    assert tests(machine.rpc("kvp_guest_items")["items"]) == wanted
    clear_pool(machine, GUEST)
    assert tests(machine.rpc("kvp_guest_items")["items"]) == {}


@CASES.add
@with_own_items
def kvp_refusals(machine):
    """WMI's return values, and the maximum lengths of a key and a value"""
    check_refused(machine, INVALID_PARAMETER, "kvp_modify", name="test", data="")
    check_refused(machine, INVALID_PARAMETER, "kvp_remove", name="test")
    for name, data in (("", "x"), ("k" * 256, "x"), ("test", "x" * 1024),
                       ("test", "\U0001f600" * 512), (None, "x"), ("test", None)):
        check_refused(machine, INVALID_PARAMETER, "kvp_add", name=name, data=data)
    longest = {"test" + "k" * 251: "x" * 1023}
    for name, data in longest.items():
        machine.rpc("kvp_add", name=name, data=data)
        check_refused(machine, INVALID_PARAMETER, "kvp_add", name=name, data="x")
    wait_pool(machine, longest)
    remove_all(machine)
    machine.rpc("rescind", component="kvp")
    check_refused(machine, INVALID_STATE, "kvp_add", name="test", data="x")
    offer(machine, "kvp")


@CASES.add
@with_own_items
def kvp_command_line(machine):
    """hvhost kvp: its output, and exit status 0 only for a return value of 0"""
    machine.command("kvp", "add", "test", "a value")
    assert machine.command("kvp", "host-items").stdout == "test=a value\n"
    again = machine.command("kvp", "add", "test", "another", check=False)
    machine.log(again.stdout)
    assert again.returncode == 1 and "kvp_modify" in again.stdout, again
    assert "OSName=" in machine.command("kvp", "intrinsic-items").stdout
    machine.command("kvp", "remove", "test")
    wait_pool(machine, {})


@CASES.add
@with_own_items
def kvp_without_daemon(machine):
    """hv_kvp_daemon is stopped: the host keeps the last items, and the next daemon gets changes"""
    known = machine.rpc("kvp_intrinsic_items")["items"]
    machine.run("systemctl stop hv-kvp-daemon")
    assert machine.rpc("kvp_intrinsic_items")["items"] == known
    machine.rpc("kvp_add", name="test", data="late")
    machine.run("systemctl start hv-kvp-daemon")
    wait_pool(machine, {"test": "late"})


@CASES.add
@with_own_items
def kvp_reboot(machine):
    """the host's items persist when the guest reboots, and when it is reset"""
    machine.rpc("kvp_add", name="test", data="stays")
    for how in ("shutdown", "reset"):
        reboot(machine, how)
        wait_pool(machine, {"test": "stays"})
    machine.wait("logoff", "negotiated")


@CASES.add
def kvp_directory_again(machine):
    """the pools' directory is removed and created again: hv-logoffd can write to the new one"""
    def answered():
        return ANSWER in records(pool_bytes(machine, GUEST))

    until("an answer", answered)
    machine.run(f"systemctl stop hv-kvp-daemon; rm -r {FOLDER}")
    machine.run("systemctl start hv-kvp-daemon")
    machine.wait_run(f"test -e {FOLDER}/.kvp_pool_1")
    until("an answer in the new pool", answered)
    machine.run(f"systemctl stop hv-kvp-daemon; mv {FOLDER} {FOLDER}.old; sleep 1;"
                f"mv {FOLDER}.old {FOLDER}; systemctl start hv-kvp-daemon")
    clear_pool(machine, GUEST)
    until("an answer in the renamed pool", answered)
