#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# suites.sh BUILD: runs all test suites, and prints the totals. A failing suite does not prevent the
# others from running.
#
# Two suites run at a time: one with guests, which uses little more than one processor, and one of
# the others, with a lower priority. Who is ready first runs those with the sanitizer kernel as well.
# What both use is built before. "suites.sh BUILD others" is the second of the two.
set -uo pipefail

build=${1:?}
here=$(dirname "$(realpath "$0")")

# To limit the run time, only one kernel runs most end-to-end cases; the others run a selection.
guests=("e2e KERNEL=6.1 CASES='quick vmbus'" "e2e KERNEL=6.12 CASES=processors"
	"e2e-guest-trixie CASES='release real_sessions'" "e2e-faults KERNEL=6.12 CASES=quick")
sanitizer=(kunit "e2e KERNEL=sanitizer CASES='rescind unbind'")
# The sanitizer kernel is compiled first, since it takes most of the time if it is not in the cache.
others=("$build/kernel-sanitizer" check unit matrix "fuzz SECONDS=27" test-windows
	test-powershell packages e2e-virtio)
results=(check unit matrix userspace fuzz windows powershell packages-bookworm e2e-6.1 e2e-6.12 e2e-6.12-trixie
	e2e-virtio faults-6.12 kunit e2e-sanitizer)

# suite TARGET [VARIABLE=VALUE…]
suite() {
	eval "${MAKE:-make}" -k "$1"
}

# Prints the output of a suite when it has ended, so that it does not mix with that of the guests.
# shellcheck disable=SC2317 # run calls it
collected_suite() {
	local failed=0
	suite "$1" >"$build/results/others.log" 2>&1 || failed=1
	cat "$build/results/others.log"
	return "$failed"
}

# run suite|collected_suite TARGET…
run() {
	local run=$1 failed=0
	shift
	for each in "$@"; do
		"$run" "$each" || failed=1
	done
	# Only one of the two runs can create the directory.
	if mkdir "$build/results/sanitizer" 2>/dev/null; then
		for each in "${sanitizer[@]}"; do
			"$run" "$each" || failed=1
		done
	fi
	return $failed
}

if [[ ${2-} == others ]]; then
	# The kernel may schedule each session as a group, with a priority of its own.
	echo 19 2>/dev/null >/proc/self/autogroup
	renice -n 19 -p $$ >/dev/null
	run collected_suite "${others[@]}"
	exit
fi
rm -rf "$build/results"
mkdir -p "$build/results"
failed=0
suite "-j$(nproc) all windows $build/windows/hvwmi.dll $build/kernel-6.1 $build/kernel-6.12" || failed=1
setsid "$0" "$build" others &
others_job=$!
trap 'kill -- "-$others_job" 2>/dev/null' EXIT
run suite "${guests[@]}" || failed=1
wait "$others_job" || failed=1
"$here/summary" "$build/results" "${results[@]}" || failed=1
exit $failed
