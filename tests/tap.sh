# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# To be sourced: checks by commands, told as TAP on standard output.

tap_number=0
tap_failed=0

# check NAME COMMAND…: one line, and what the command said if it failed.
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

# The last line; fails if a check did.
plan() {
	echo "1..$tap_number"
	((tap_failed == 0))
}
