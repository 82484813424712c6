# SPDX-License-Identifier: GPL-2.0-or-later
"""What message versions 1.1 and 1.2 add, and guests and hosts that only support earlier ones."""

import base64
import gzip
import pathlib
import struct
import subprocess

from checks import (E_FAIL, E_NO_SESSION, E_NOT_AVAIL, S_OK, Cases, built, check_complete_once,
                    check_requires_1_1, check_result, hang_up, logoff, same, until)

BUILD_OLD = pathlib.Path(__file__).parent / "build-old.sh"
FOLDER = "/usr/local/lib/hv-logoff-{}"  # in the guest, for each version
MODULE, DAEMON = "hv_logoff.ko", "hv-logoffd"
OUTCOMES = ("ended", "failed", "selected")  # of sessions; the others are of users

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
    """The outcomes of sessions that the client of a logoff received, sorted by session."""
    events = [report(event) for event in request.events
              if event["event"] == "session" and event["outcome"] in OUTCOMES]
    return sorted(events, key=lambda event: event["session"])


def users_of(request):
    """The outcomes of users that the client of a logoff received, in order."""
    return [(event["outcome"], event["user"]) for event in request.events
            if event["event"] == "session" and event["outcome"] not in OUTCOMES]


def next_end(watcher):
    """The next event of a watcher that is not the outcome of a user."""
    event = watcher.next()
    while event["event"] == "session" and event["outcome"] not in OUTCOMES:
        event = watcher.next()
    return event


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
    event = next_end(watcher)
    same("the end by exit", report(event), ending(leaves, "alice", "normal"))
    same("the uid", event["uid"], int(machine.run("id -u alice")))
    terminated = machine.open_session("login", "bob")
    machine.run(f"loginctl terminate-session {terminated}")
    same("the end by terminate-session", report(next_end(watcher)),
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
         sorted((report(next_end(watcher)) for _ in opened), key=lambda end: end["session"]), wanted)


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


def can_build_old():
    """Whether the repository's history is available."""
    return all(subprocess.run([BUILD_OLD, version, "--check"], check=False).returncode == 0
               for version in ("1.0", "1.1"))


def build_old(machine, old):
    """Returns the directory with the driver and daemon of that version."""
    kernel = pathlib.Path(machine.started[0]).parent
    done = subprocess.run([BUILD_OLD, old, built(machine, "."), kernel],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.splitlines()[-1])


def copy_into_guest(machine, old, file):
    folder = FOLDER.format(old)
    text = base64.b64encode(gzip.compress(file.read_bytes())).decode()
    machine.run(f"mkdir -p {folder}; base64 -d <<end | gunzip >{folder}/{file.name}\n"
                f"{text}\nend\nchmod 755 {folder}/{file.name}")


def switch_to(machine, old=None, module=None, daemon=None):
    """Runs the given module and daemon of an old version in the guest, and otherwise the current
    ones."""
    folder = FOLDER.format(old)
    drop_in = "/run/systemd/system/hv-logoffd.service.d"
    # An old daemon rejects keys in the current configuration file.
    line = f"ExecStart=\nExecStart={folder}/{daemon} --config=/dev/null" if daemon else ""
    machine.run(f"systemctl stop hv-logoffd; rmmod hv_logoff; mkdir -p {drop_in};"
                f"printf '[Service]\n{line}\n' >{drop_in}/old.conf; systemctl daemon-reload;"
                + (f"insmod {folder}/{module}" if module else "modprobe hv_logoff"))
    machine.wait("logoff", "negotiated")


def parts_of(machine, old):
    """Copies the old module and daemon into the guest; runs each with and without the other, and
    returns to the current ones at the end."""
    folder = build_old(machine, old)
    for name in (MODULE, DAEMON):
        copy_into_guest(machine, old, folder / name)
    for parts in ((MODULE, DAEMON), (None, DAEMON), (MODULE, None)):
        machine.log(f"version {old} of: {', '.join(part for part in parts if part)}")
        switch_to(machine, old, *parts)
        same("the version", version(machine), old)
        yield parts
    switch_to(machine)
    same("the version", version(machine), "1.2")


def check_1_0_guest(machine):
    """The host supports the operations of 1.0, and rejects those that later versions add."""
    watcher = watch(machine)
    machine.run("loginctl terminate-session " + machine.open_session("pam", "alice"))
    session = machine.open_session("pam", "bob")
    check_requires_1_1(machine, session, "bob")
    check_requires_1_2(machine)
    request = logoff(machine, message="Good night.")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (1, 1))
    same("the reports", reports_of(request) + users_of(request), [])
    check_complete_once(machine, reply["id"])
    return watcher


def check_requires_1_2(machine):
    """On message versions before 1.2 the host rejects each option that 1.2 adds."""
    for options in ({"include_lingering": True}, {"no_logins": True}):
        reply = logoff(machine, **options).finish()
        same(f"the reply to {options}", (reply["ok"], reply["hresult"]), (False, E_NOT_AVAIL))


@CASES.add
def guests_with_1_0(machine):
    """driver or daemon or both of 1.0: the host negotiates 1.0 and supports its operations"""
    for _ in parts_of(machine, "1.0"):
        watcher = check_1_0_guest(machine)
    # The last watcher has received no session event, only the change of the version.
    same("the watcher's events", [watcher.next() for _ in range(2)],
         [{"event": "component", "negotiated": False, "version": None},
          {"event": "component", "negotiated": True, "version": "1.2"}])


def check_1_1(machine):
    """With version 1.1, sessions are reported and selected as before; outcomes of users are not
    sent, though alice's manager is ended and bob lingers."""
    check_requires_1_2(machine)
    machine.run("loginctl enable-linger bob")
    opened = {machine.open_session("pam", user): user for user in ("alice", "bob")}
    request = logoff(machine, dry_run=True, user="alice")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("the reports of the dry run", [event["outcome"] for event in reports_of(request)],
         ["selected"])
    same("the outcomes of users", users_of(request), [])
    request = logoff(machine, message="Good night.")
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (2, 2))
    same("the reports", reports_of(request),
         [ending(session, opened[session], "external", reply["id"]) for session in sorted(opened)])
    same("the outcomes of users", users_of(request), [])
    check_complete_once(machine, reply["id"])
    machine.run("loginctl disable-linger bob; systemctl stop user@$(id -u bob)")


@CASES.add
def guests_with_1_1(machine):
    """driver or daemon or both of 1.1: the host negotiates 1.1 and supports its operations"""
    for _ in parts_of(machine, "1.1"):
        check_1_1(machine)


def inject_target(machine, flags):
    """Sends a TARGET (a dry run) with these flags, whatever was negotiated; returns its id."""
    request = 0x1122334455667700 | flags
    body = struct.pack("<IIQII1024s256s64s", 6, flags, request, 60, 0, b"", b"", b"")
    header = struct.pack("<IIHHHHHHIBB2x", 1, 20 + len(body), 3, 0, 0x4c4f, 1, 1, len(body), 0, 9, 3)
    machine.rpc("inject", component="logoff", data=(header + body).hex())
    return f"{request:#x}"


def refusals(machine):
    text = (machine.path / "hvhost.log").read_text(encoding="utf-8", errors="replace")
    return text.count(f"the guest rejected a message: E_FAIL ({E_FAIL:#x})")


@CASES.add
def host_with_1_1(machine):
    """a 1.2 guest on a 1.1 host supports what 1.1 has, and refuses the flags of 1.2"""
    with machine.sibling("older", "--message-version", "1.1") as other:
        same("the version", version(other), "1.1")
        check_1_1(other)
        for count, flag in enumerate((4, 8), start=1):
            inject_target(other, 2 | flag)
            until("the refusal of a flag", lambda count=count: refusals(other) == count)
        check_1_1(other)


@CASES.add
def outcomes_of_users(machine):
    """with 1.2: managers that end and a user who lingers are reported, after the sessions"""
    machine.run("loginctl enable-linger bob")
    machine.open_session("pam", "alice")
    machine.open_session("pam", "bob")
    request = logoff(machine, dry_run=True)
    check_result(machine, request.finish(), S_OK)
    same("the outcomes of users", users_of(request), [("lingering", "bob")])
    request = logoff(machine, dry_run=True, include_lingering=True, no_logins=True)
    check_result(machine, request.finish(), S_OK)
    same("the outcomes of users", users_of(request), [("manager-selected", "bob")])
    request = logoff(machine)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("the outcomes of users", sorted(users_of(request)),
         [("lingering", "bob"), ("manager-ended", "alice"), ("untold", "alice"),
          ("untold", "bob")])
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (2, 2, 0))
    outcomes = [(event["outcome"], event["user"]) for event in request.events
                if event["event"] == "session"]
    assert outcomes.index(("manager-ended", "alice")) > outcomes.index(("ended", "alice")), outcomes
    machine.run("loginctl disable-linger bob; systemctl stop user@$(id -u bob)")


# These need the repository's history.
BUILT = (guests_with_1_0, guests_with_1_1)
