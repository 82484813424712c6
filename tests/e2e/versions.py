# SPDX-License-Identifier: GPL-2.0-or-later
"""What message version 1.1 adds, and guests that only support 1.0."""

import base64
import gzip
import pathlib
import subprocess

from checks import (E_NO_SESSION, S_OK, Cases, built, check_complete_once, check_requires_1_1,
                    check_result, hang_up, logoff, same)

BUILD_1_0 = pathlib.Path(__file__).parent / "build-1.0.sh"
FOLDER_1_0 = "/usr/local/lib/hv-logoff-1.0"  # in the guest

CASES = Cases()


def version(machine):
    return machine.rpc("status")["components"]["logoff"]["version"]


def report(event):
    """The members of a session event, without the uid."""
    assert event["event"] == "session", event
    return {key: event[key] for key in ("id", "outcome", "kind", "user", "session", "lost")}


def ending(session, user, kind, request="0x0", outcome="ended"):
    """The report() of a session's end."""
    return {"id": request, "outcome": outcome, "kind": kind, "user": user, "session": session,
            "lost": 0}


def reports_of(request):
    """The session events that the client of a logoff received, sorted by session."""
    events = [report(event) for event in request.events if event["event"] == "session"]
    return sorted(events, key=lambda event: event["session"])


def watch(machine):
    watcher = machine.send("watch")
    same("the watcher's first event", watcher.next(), {"event": "watching"})
    return watcher


@CASES.add
def session_ends_reported(machine):
    """exit, terminate-session and a logoff: a watcher receives each session end once"""
    watcher = watch(machine)
    leaves = machine.open_session("login", "alice")
    hang_up(machine, leaves)
    event = watcher.next()
    same("the end by exit", report(event), ending(leaves, "alice", "normal"))
    same("the uid", event["uid"], int(machine.run("id -u alice")))
    terminated = machine.open_session("login", "bob")
    machine.run(f"loginctl terminate-session {terminated}")
    same("the end by terminate-session", report(watcher.next()),
         ending(terminated, "bob", "forced"))
    opened = {machine.open_session("login", "alice"): "alice",
              machine.open_session("pam", "carol"): "carol"}
    request = logoff(machine)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    wanted = [ending(session, opened[session], "external", reply["id"])
              for session in sorted(opened)]
    same("the reports to the client", reports_of(request), wanted)
    same("the reports to the watcher",
         sorted((report(watcher.next()) for _ in opened), key=lambda end: end["session"]), wanted)


@CASES.add
def selected_sessions(machine):
    """a dry run, one session, one user, an unknown user: other sessions are unaffected"""
    first = machine.open_session("pam", "alice")
    second = machine.open_session("pam", "alice")
    other = machine.open_session("pam", "bob")
    request = logoff(machine, dry_run=True, user="alice")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (2, 0, 0))
    same("the sessions selected", reports_of(request),
         [ending(session, "alice", None, reply["id"], "selected")
          for session in sorted((first, second))])
    same("the sessions", sorted(machine.sessions()), sorted((first, second, other)))
    request = logoff(machine, session=first)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("the sessions logged off", reports_of(request),
         [ending(first, "alice", "external", reply["id"])])
    check_complete_once(machine, reply["id"])
    reply = logoff(machine, user="carol").finish()
    check_result(machine, reply, E_NO_SESSION)
    assert "carol" in reply["text"], reply["text"]
    check_result(machine, logoff(machine, user="bob", session=second).finish(), E_NO_SESSION)
    check_result(machine, logoff(machine, user="alice").finish(), S_OK)
    same("the sessions", machine.sessions(), [other])
    check_result(machine, logoff(machine).finish(), S_OK)


def can_build_1_0():
    """Whether the repository's history is available."""
    return subprocess.run([BUILD_1_0, "--check"], check=False).returncode == 0


def build_1_0(machine):
    """Returns the directory with the driver and daemon of message version 1.0."""
    kernel = pathlib.Path(machine.started[0]).parent
    done = subprocess.run([BUILD_1_0, built(machine, "."), kernel],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.splitlines()[-1])


def copy_into_guest(machine, file):
    text = base64.b64encode(gzip.compress(file.read_bytes())).decode()
    machine.run(f"mkdir -p {FOLDER_1_0}; base64 -d <<end | gunzip >{FOLDER_1_0}/{file.name}\n"
                f"{text}\nend\nchmod 755 {FOLDER_1_0}/{file.name}")


def switch_to(machine, module=None, daemon=None):
    """Runs the given module and daemon of 1.0 in the guest, and otherwise the current ones."""
    drop_in = "/run/systemd/system/hv-logoffd.service.d"
    # The daemon of 1.0 rejects keys in the current configuration file.
    line = f"ExecStart=\nExecStart={FOLDER_1_0}/{daemon} --config=/dev/null" if daemon else ""
    machine.run(f"systemctl stop hv-logoffd; rmmod hv_logoff; mkdir -p {drop_in};"
                f"printf '[Service]\n{line}\n' >{drop_in}/1.0.conf; systemctl daemon-reload;"
                + (f"insmod {FOLDER_1_0}/{module}" if module else "modprobe hv_logoff"))
    machine.wait("logoff", "negotiated")


def check_1_0_guest(machine):
    """The host supports the operations of 1.0, and rejects those that 1.1 adds."""
    same("the version", version(machine), "1.0")
    watcher = watch(machine)
    machine.run("loginctl terminate-session " + machine.open_session("pam", "alice"))
    session = machine.open_session("pam", "bob")
    check_requires_1_1(machine, session, "bob")
    request = logoff(machine, message="Good night.")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (1, 1))
    same("the reports", reports_of(request), [])
    check_complete_once(machine, reply["id"])
    return watcher


@CASES.add
def guests_with_1_0(machine):
    """driver or daemon or both of 1.0: the host negotiates 1.0 and supports its operations"""
    folder = build_1_0(machine)
    module, daemon = "hv_logoff.ko", "hv-logoffd"
    for name in (module, daemon):
        copy_into_guest(machine, folder / name)
    for parts in ((module, daemon), (None, daemon), (module, None)):
        switch_to(machine, *parts)
        watcher = check_1_0_guest(machine)
    switch_to(machine)
    same("the version", version(machine), "1.1")
    # The last watcher has received no session event, only the change of the version.
    same("the watcher's events", [watcher.next() for _ in range(2)],
         [{"event": "component", "negotiated": False, "version": None},
          {"event": "component", "negotiated": True, "version": "1.1"}])
