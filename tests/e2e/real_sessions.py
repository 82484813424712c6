# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions of programs that users log on with: sshd, tmux, machinectl and cron of Debian 13, whose
image has them."""

from checks import (E_CANCELLED, E_NO_SESSION, S_OK, Cases, check_result, in_grace, logoff, same)
from notices import MESSAGE, wait_for_notice
from user_managers import check_nothing_runs, runs
from versions import users_of

CASES = Cases()

KEY = "/run/ssh-key"
# The default key exchange, which resists quantum computers, is slow in an emulated guest.
SSH = (f"ssh -i {KEY} -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR "
       "-o UserKnownHostsFile=/dev/null -o KexAlgorithms=curve25519-sha256")


def start_sshd(machine):
    """Starts sshd, which accepts the key. Its time limit for logons may be too short on a busy
    machine."""
    machine.run(f"test -e {KEY} || ssh-keygen -q -t ed25519 -N '' -f {KEY}; "
                "for user in alice bob carol; do"
                " install -d -m 700 -o $user -g $user /home/$user/.ssh;"
                f" install -m 600 -o $user {KEY}.pub /home/$user/.ssh/authorized_keys;"
                "done; echo 'SSHD_OPTS=-oLoginGraceTime=0' >/etc/default/ssh; systemctl start ssh")


def ssh(machine, user, command, options=""):
    """Logs the user on and runs the command, which prints "ready"; returns a command that shows
    what the client prints."""
    log = f"/run/ssh-{user}"
    machine.run(f"TERM=xterm setsid {SSH} {options} {user}@localhost '{command}' "
                f"</dev/null >{log} 2>&1 &")
    machine.wait_run(f"grep -q ready {log}")
    return f"cat {log}"


@CASES.add
def ssh_and_tmux(machine):
    """users of sshd and tmux are told, and told again of the cancellation; then logged off"""
    start_sshd(machine)
    terminal = ssh(machine, "alice", "echo ready; exec sleep infinity", "-tt")
    # On a busy machine, 25 seconds may be too short for the bus and the manager of the user.
    ssh(machine, "bob", "SYSTEMD_BUS_TIMEOUT=300 exec tmux new-session -s work "
                        "\"echo ready; exec sleep infinity\"", "-tt")
    ssh(machine, "carol", "echo ready; exec sleep infinity")
    screen = "runuser -u bob -- tmux capture-pane -pJS - -t work"
    pane = machine.run("runuser -u bob -- tmux list-panes -t work -F '#{pane_pid}'").strip()
    machine.wait_run(f"grep -q '/user@.*/tmux-spawn-' /proc/{pane}/cgroup")
    same("the number of sessions", len(machine.sessions()), 3)

    request, request_id = in_grace(machine, message=MESSAGE)
    for shown in (terminal, screen):
        wait_for_notice(machine, shown, MESSAGE)
        wait_for_notice(machine, shown, "You will be logged off in [0-9]* seconds")
    machine.rpc("cancel", id=request_id)
    check_result(machine, request.finish(), E_CANCELLED)
    for shown in (terminal, screen):
        wait_for_notice(machine, shown, "The logoff was cancelled.")
        machine.log(machine.run(shown))
    same("the number of sessions after the cancellation", len(machine.sessions()), 3)

    request = logoff(machine)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended, failed", (reply["found"], reply["ended"], reply["failed"]), (3, 3, 0))
    same("the users who were not notified",
         [user for outcome, user in users_of(request) if outcome == "untold"], ["carol"])
    same("the sessions after", machine.sessions(), [])
    check_nothing_runs(machine, "bob", pane)
    machine.wait_run("! pgrep -x ssh")
    machine.run("systemctl stop ssh")


@CASES.add
def machinectl_and_cron(machine):
    """a shell of machinectl is ended; a job of cron, without a session, is named and stays"""
    machine.run("echo '@reboot alice echo $$ >/tmp/job; exec sleep infinity' >/etc/cron.d/job; "
                "systemctl start cron")
    machine.wait_run("test -s /tmp/job")
    job = machine.run("cat /tmp/job").strip()
    reply = logoff(machine).finish()
    check_result(machine, reply, E_NO_SESSION)
    assert reply["text"].endswith("Processes without a session: alice (1)."), reply["text"]
    # The first line of the log has the command.
    machine.run("setsid script -qefc 'machinectl --quiet shell carol@ /bin/sh -c "
                "\"printf is-%s ready; exec sleep infinity\"' /run/shell "
                "</dev/null >/dev/null 2>&1 &")
    machine.wait_run("grep -q is-ready /run/shell")
    same("the number of sessions", len(machine.sessions()), 1)
    request = logoff(machine, message=MESSAGE, grace=1)
    reply = request.finish()
    check_result(machine, reply, S_OK)
    same("found, ended", (reply["found"], reply["ended"]), (1, 1))
    machine.wait_run(f"grep -q '{MESSAGE}' /run/shell")
    same("the sessions after", machine.sessions(), [])
    assert runs(machine, job), "the job of cron has ended"
    machine.run(f"systemctl stop cron; kill {job}; rm /etc/cron.d/job")
