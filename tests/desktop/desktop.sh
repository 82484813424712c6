#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# desktop.sh BUILD: starts a session of Xfce under Xvfb, which starts the notifier from its autostart
# entry, and sends it notices. Takes screenshots, BUILD/desktop/*.png, and writes TAP to standard
# output and BUILD/results. Exits with status 77 if a program is not installed.
set -euo pipefail

build=$(realpath "${1:?}")
here=$(dirname "$(realpath "$0")")
# Generous: only a failed test waits that long.
bound=120

for program in Xvfb xfce4-session xfwm4 xwd convert dbus-daemon; do
	command -v "$program" >/dev/null ||
		{ echo "$program is not installed: sudo make deps-desktop" >&2; exit 77; }
done

mkdir -p "$build/results" "$build/desktop"
exec > >(tee "$build/results/desktop.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

stage=$(mktemp -d)
jobs_started=()
session=
finish() {
	# Its bus and all programs of the session are in one group.
	[[ -z $session ]] || kill -- -"$session" 2>/dev/null || true
	((${#jobs_started[@]} == 0)) || kill "${jobs_started[@]}" 2>/dev/null || true
	wait "${jobs_started[@]}" $session || true
	rm -rf "$stage"
}
trap finish EXIT

# until_true COMMAND…: repeats it until it succeeds.
until_true() {
	local end=$((SECONDS + bound))
	until "$@"; do
		((SECONDS < end)) || { echo "timed out: $*"; return 1; }
		sleep 0.2
	done
}

start_bus() {
	cat >"$stage/bus.conf" <<-END
		<busconfig><listen>unix:path=$stage/system-bus</listen><auth>EXTERNAL</auth>
		<policy context='default'><allow user='*'/><allow send_destination='*'/>
		<allow receive_sender='*'/><allow own='*'/></policy></busconfig>
	END
	dbus-daemon --nofork --config-file="$stage/bus.conf" >"$stage/bus.log" 2>&1 &
	jobs_started+=($!)
	export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$stage/system-bus
	until_true test -S "$stage/system-bus"
}

start_daemon() {
	mkfifo "$stage/notices"
	"$build/tests/desktop/daemon" <"$stage/notices" >"$stage/daemon.log" 2>&1 &
	jobs_started+=($!)
	exec 7>"$stage/notices"
}

# The session has a home of its own, and starts only our entry.
start_session() {
	make --no-print-directory -C "$here/../.." BUILD="$build" DESTDIR="$stage/root" \
		PREFIX="$stage/root/usr" install-notifier >"$stage/install.log" 2>&1
	cp -r "$stage/root$stage/root/usr" "$stage/root/"
	Xvfb -displayfd 6 -screen 0 800x300x24 6>"$stage/display" 2>"$stage/xvfb.log" &
	jobs_started+=($!)
	until_true test -s "$stage/display"
	DISPLAY=:$(<"$stage/display")
	export DISPLAY HOME=$stage/home XDG_RUNTIME_DIR=$stage/runtime XDG_CURRENT_DESKTOP=XFCE
	export XDG_CONFIG_DIRS=$stage/root/etc/xdg:/etc/xdg/xfce4:$stage/xdg XDG_CACHE_HOME=$stage/home/cache
	mkdir "$HOME" "$XDG_RUNTIME_DIR" "$stage/xdg"
	chmod 700 "$XDG_RUNTIME_DIR"
	ln -s /etc/xdg/xfce4 "$stage/xdg/xfce4"
	setsid dbus-run-session -- xfce4-session >"$stage/session.log" 2>&1 &
	session=$!
}

subscribed() {
	until_true grep -q subscribed "$stage/daemon.log"
}

# The environment of the notifier that the session has started.
session_bus() {
	local pid
	pid=$(pgrep -f "$stage/root/usr/libexec/hv-logoff-notifier")
	[[ $(wc -w <<<"$pid") == 1 ]] || { echo "instances: $pid"; return 1; }
	tr '\0' '\n' <"/proc/$pid/environ" | grep ^DBUS_SESSION_BUS_ADDRESS=
}

start_monitor() {
	env "$(session_bus)" dbus-monitor "interface='org.freedesktop.Notifications'" \
		>"$stage/monitor.log" 2>&1 &
	jobs_started+=($!)
	until_true test -s "$stage/monitor.log"
}

# notice STATE SECONDS MESSAGE
notice() {
	echo "$*" >&7
}

# screenshot NAME: the part of the screen with the notification, as a picture with few colors.
screenshot() {
	xwd -root -silent | convert xwd:- -colors 32 -strip "$build/desktop/$1.png"
}

# differs NAME NAME: whether the notification has changed.
differs() {
	[[ $(convert "$build/desktop/$1.png" -format '%#' info:) != \
		$(convert "$build/desktop/$2.png" -format '%#' info:) ]]
}

# shows NAME PREVIOUS TEXT: the desktop is sent the text, and looks different afterwards.
shows() {
	until_true grep -q "$3" "$stage/monitor.log" || return
	until_true eval "screenshot $1; differs $1 $2"
}

warned() {
	screenshot before
	notice warned 100 'This machine is moved to another host.'
	shows warned before "Logoff in 100 seconds"
}

counts() {
	notice warned 5 'This machine is moved to another host.'
	shows counted warned "Logoff in 1 second\""
}

cancelled() {
	notice cancelled 0 -
	shows cancelled counted "logoff was cancelled"
}

# The unit of the user manager starts a second instance in other desktops.
one_instance() {
	env "$(session_bus)" timeout "$bound" "$build/hv-logoff-notifier" 2>&1 |
		grep 'Another instance'
}

# All notifications below each other, as in the documentation.
picture() {
	cd "$build/desktop"
	convert warned.png counted.png cancelled.png -gravity northeast -crop 360x110+0+0 +repage \
		-append notifier.png
}

start_bus
start_daemon
start_session
check 'the session starts the notifier, which subscribes to notices' subscribed
check 'a second instance exits' one_instance
check 'the desktop can be watched' start_monitor
check 'a notification with the message' warned
check 'its time is updated' counts
check 'the logoff is cancelled' cancelled
check 'a picture of the notifications' picture
((tap_failed == 0)) || tail -n 20 "$stage"/*.log >&2
plan
