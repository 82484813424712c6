# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Source this file. It runs commands as checks, and prints the results as TAP on standard output.

tap_number=0
tap_failed=0

# check NAME COMMAND…: prints one line, and the command's output if it failed.
check() {
	local name=$1 output
	shift
	tap_number=$((tap_number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_number - $name"
	else
		tap_failed=1
		echo "not ok $tap_number - $name"
		printf '%s\n' "$output" | sed 's/^/# /'
	fi
}

# skip NAME REASON: for a check that cannot run here.
skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $1 # SKIP $2"
}

# Prints the last line. Fails if a check failed.
plan() {
	echo "1..$tap_number"
	((tap_failed == 0))
}
