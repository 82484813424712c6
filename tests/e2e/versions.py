# SPDX-License-Identifier: GPL-2.0-or-later
"""What message version 1.1 adds, and guests that don't have it."""

import base64
import gzip
import pathlib
import subprocess

from checks import (E_NO_SESSION, E_NOT_AVAIL, S_OK, check_complete_once, check_result, logoff,
                    same)

FOLDER = pathlib.Path(__file__).parent
PAST = "/usr/local/lib/past"  # in the guest

CASES = []


def case(function):
    CASES.append(function)
    return function


def version(machine):
    return machine.ask("status")["components"]["logoff"]["version"]


def told(event):
    """What an event says of a session, but for the user's number."""
    assert event["event"] == "session", event
    return {key: event[key] for key in ("id", "outcome", "kind", "user", "session", "lost")}


def ending(session, user, kind, request="0x0", outcome="ended"):
    return {"id": request, "outcome": outcome, "kind": kind, "user": user, "session": session,
            "lost": 0}


def sessions_of(request):
    """What a logoff's client was told, in the order of the sessions."""
    events = [told(event) for event in request.events if event["event"] == "session"]
    return sorted(events, key=lambda event: event["session"])


def watch(machine):
    watcher = machine.send("watch")
    same("the watcher's first event", watcher.next(), {"event": "watching"})
    return watcher


@case
def every_end_is_told(machine):
    """a user leaves, is thrown out in the guest, or is logged off: who watches hears of each once"""
    watcher = watch(machine)
    leaves = machine.open_session("login", "alice")
    machine.run(f"kill -HUP $(pgrep -P $(loginctl show-session -P Leader {leaves}))")
    event = watcher.next()
    same("the end of one who leaves", told(event), ending(leaves, "alice", "normal"))
    same("the user's number", event["uid"], int(machine.run("id -u alice")))
    thrown = machine.open_session("login", "bob")
    machine.run(f"loginctl terminate-session {thrown}")
    same("the end of one who is thrown out", told(watcher.next()), ending(thrown, "bob", "forced"))
    opened = {machine.open_session("login", "alice"): "alice",
              machine.open_session("pam", "carol"): "carol"}
    request = logoff(machine)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    wanted = [ending(session, opened[session], "external", reply["id"])
              for session in sorted(opened)]
    same("what the logoff's client was told", sessions_of(request), wanted)
    heard = sorted((told(watcher.next()) for _ in opened), key=lambda event: event["session"])
    same("what the watcher was told", heard, wanted)


@case
def some_of_them(machine):
    """one session, one user, nobody of that name, and a dry run: the others stay"""
    first = machine.open_session("pam", "alice")
    second = machine.open_session("pam", "alice")
    other = machine.open_session("pam", "bob")
    request = logoff(machine, dry_run=True, user="alice")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (2, 0, 0))
    same("who would be logged off", sessions_of(request),
         [ending(session, "alice", None, reply["id"], "selected")
          for session in sorted((first, second))])
    same("the sessions", sorted(machine.sessions()), sorted((first, second, other)))
    request = logoff(machine, session=first)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("who was logged off", sessions_of(request),
         [ending(first, "alice", "external", reply["id"])])
    check_complete_once(machine, reply["id"])
    reply = logoff(machine, user="carol").finish()
    check_result(machine, reply, E_NO_SESSION)
    assert "carol" in reply["text"], reply["text"]
    check_result(machine, logoff(machine, user="bob", session=second).finish(), E_NO_SESSION)
    check_result(machine, logoff(machine, user="alice").finish(), S_OK)
    same("the sessions", machine.sessions(), [other])
    check_result(machine, logoff(machine).finish(), S_OK)


def has_past():
    """Whether this is a clone of the repository, and not a release's files alone."""
    return subprocess.run([FOLDER / "past.sh", "--check"], check=False).returncode == 0


def past(machine):
    """The folder with the guest's parts as they were before 1.1."""
    kernel = pathlib.Path(machine.started[0]).parent
    done = subprocess.run([FOLDER / "past.sh", pathlib.Path(machine.hvhost).parent, kernel],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.splitlines()[-1])


def put(machine, file):
    """Into the guest, by its shell."""
    text = base64.b64encode(gzip.compress(file.read_bytes())).decode()
    machine.run(f"mkdir -p {PAST}; base64 -d <<end | gunzip >{PAST}/{file.name}\n{text}\nend\n"
                f"chmod 755 {PAST}/{file.name}")


def use(machine, module, daemon):
    """Has the guest run these; None: its own."""
    drop_in = "/run/systemd/system/hv-logoffd.service.d"
    # Today's configuration has what the past's daemon doesn't know.
    line = f"ExecStart=\nExecStart={PAST}/{daemon} --config=/dev/null" if daemon else ""
    machine.run(f"systemctl stop hv-logoffd; rmmod hv_logoff; mkdir -p {drop_in};"
                f"printf '[Service]\n{line}\n' >{drop_in}/past.conf; systemctl daemon-reload;"
                + (f"insmod {PAST}/{module}" if module else "modprobe hv_logoff"))
    machine.wait("logoff", "negotiated")


def check_old_guest(machine):
    """The host asks for all that 1.0 has, and says of the rest that the guest is too old."""
    same("the version", version(machine), "1.0")
    watcher = watch(machine)
    machine.run("loginctl terminate-session " + machine.open_session("pam", "alice"))
    session = machine.open_session("pam", "bob")
    for some in ({"user": "bob"}, {"session": session}, {"dry_run": True}):
        reply = logoff(machine, **some).finish()
        same(f"the answer to {some}", (reply["ok"], reply["hresult"]), (False, E_NOT_AVAIL))
    machine.say(reply["error"])
    request = logoff(machine, message="Good night.")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (1, 1))
    same("sessions that were told of", sessions_of(request), [])
    check_complete_once(machine, reply["id"])
    return watcher


@case
def guests_of_1_0(machine):
    """driver and daemon of 1.0, and each with the other of 1.1: the host makes do with 1.0"""
    folder = past(machine)
    for name in ("hv_logoff.ko", "hv-logoffd"):
        put(machine, folder / name)
    for module, daemon in (("hv_logoff.ko", "hv-logoffd"), (None, "hv-logoffd"),
                           ("hv_logoff.ko", None)):
        use(machine, module, daemon)
        watcher = check_old_guest(machine)
    use(machine, None, None)
    same("the version", version(machine), "1.1")
    # The last of the watchers has heard of no session, and of the component's new version.
    same("what it was told", [watcher.next() for _ in range(2)],
         [{"event": "component", "negotiated": False, "version": None},
          {"event": "component", "negotiated": True, "version": "1.1"}])
