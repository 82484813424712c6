#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # some functions are called by name
# demo.sh BUILD KERNEL INITRD: boots a guest, logs users on in it, and logs them all off
# from its host.
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

say() {
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# waiting WHAT COMMAND…: runs it, showing on a terminal for how long it has.
waiting() {
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
		echo "the demo ends here; the guest's console said last:" >&2
		tail -n 20 "$HVHOST_DIR/demo/console.log" >&2 || true
	fi
	return "$status"
}

guest() {
	"$hvhost" exec demo -- "$*"
}

# The guest is up when its agent answers, and its host may ask for a logoff when the
# daemon has said so through the driver.
booted() {
	local i
	for ((i = 0; i < 10; i++)); do
		guest 'until systemctl is-active --quiet hv-logoffd; do sleep 0.2; done' && return
		[[ -S $HVHOST_DIR/demo/control.sock ]] || return 1
	done
	return 1
}

say "A Hyper-V guest: Debian with the stock kernel ${kernel##*/vmlinuz-}"
"$hvhost" start demo --kernel "$kernel" --initrd "$initrd" --append "$(<"$(dirname "$0")/../guest/cmdline")"
waiting 'the guest boots, finds VMBus, and starts the logoff daemon' booted
guest "dmesg | grep -iE 'hypervisor detected|vmbus version|hv_logoff|logoff IC'" || true

say 'Alice logs in on a terminal, Bob comes by su -l, Carol runs what ignores SIGHUP and SIGTERM'
waiting 'sessions are opened' guest 'open-session login alice; open-session su bob; open-session stubborn carol'
guest 'loginctl list-sessions --no-pager'

say "The host: hvhost logoff demo --timeout 120 --grace 5"
status=0
"$hvhost" logoff demo --timeout 120 --grace 5 --message 'This machine moves to another host.' || status=$?

say 'What Alice saw on her terminal, and who is left'
# shellcheck disable=SC2016 # for the guest's shell
guest 'tail -n 4 /run/open-session/$(ls -tr /run/open-session | head -n 1); echo; loginctl list-sessions --no-pager'

say 'The audit in the guest'
guest 'journalctl --no-pager -o cat -t hv-logoffd | tail -n 6'
exit "$status"
