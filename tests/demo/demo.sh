#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # some functions are called by name
# demo.sh BUILD KERNEL INITRD: boots a guest, logs users on, and logs them all off from the host.
set -euo pipefail

build=${1:?} kernel=$(realpath "${2:?}") initrd=${3:?}
hvhost=$build/hvhost
HVHOST_DIR=$(mktemp -d /tmp/hvhost-demo.XXXXXX)
export HVHOST_DIR

finish() {
	"$hvhost" stop demo >"$HVHOST_DIR/stop.log" 2>&1 || true
	rm -rf "$HVHOST_DIR"
}
trap finish EXIT

if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

heading() {
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# wait_for WHAT COMMAND…: runs the command, and shows the elapsed time on a terminal.
wait_for() {
	local what=$1 began=$SECONDS pid status=0
	shift
	"$@" >"$HVHOST_DIR/output" 2>&1 &
	pid=$!
	[[ -t 1 ]] || echo "waiting for $what"
	while kill -0 "$pid" 2>/dev/null; do
		[[ ! -t 1 ]] || printf '\rwaiting for %s: %d s ' "$what" $((SECONDS - began))
		sleep 0.5
	done
	wait "$pid" || status=$?
	[[ ! -t 1 ]] || printf '\r\e[K'
	echo "$what: $((SECONDS - began)) s"
	if ((status)); then
		cat "$HVHOST_DIR/output" >&2
		echo "the demo failed; the last lines of the guest's console:" >&2
		tail -n 20 "$HVHOST_DIR/demo/console.log" >&2 || true
	fi
	return "$status"
}

guest() {
	"$hvhost" exec demo -- "$*"
}

# The guest has booted when the agent responds, and accepts requests when the daemon is active.
booted() {
	local i
	for ((i = 0; i < 10; i++)); do
		guest 'until systemctl is-active --quiet hv-logoffd; do sleep 0.2; done' && return
		[[ -S $HVHOST_DIR/demo/control.sock ]] || return 1
	done
	return 1
}

heading "A Hyper-V guest: Debian with the stock kernel ${kernel##*/vmlinuz-}"
"$hvhost" start demo --kernel "$kernel" --initrd "$initrd" --append "$(<"$(dirname "$0")/../guest/cmdline")"
wait_for 'guest boot, VMBus connection and daemon startup' booted
guest "dmesg | grep -iE 'hypervisor detected|vmbus version|hv_logoff|logoff IC'" || true

heading "Alice logs in on a terminal, Bob uses su -l, and Carol's shell ignores SIGHUP and SIGTERM"
wait_for 'three logins' guest 'open-session login alice; open-session su bob; open-session stubborn carol'
guest 'loginctl list-sessions --no-pager'

heading "The host: hvhost logoff demo --timeout 120 --grace 5"
status=0
"$hvhost" logoff demo --timeout 120 --grace 5 --message 'This machine will be moved to another host.' || status=$?

heading "The last lines on Alice's terminal, and the sessions that are left"
# shellcheck disable=SC2016 # for the guest's shell
guest 'tail -n 4 /run/open-session/$(ls -tr /run/open-session | head -n 1); echo; loginctl list-sessions --no-pager'

heading "The audit log in the guest's journal"
guest 'journalctl --no-pager -o cat -t hv-logoffd | tail -n 6'
exit "$status"
