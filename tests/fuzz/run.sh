#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD SECONDS FUZZER…: runs each fuzzer on its corpus, and then lets it search for its share
# of SECONDS. The TAP is in BUILD/results/fuzz.tap, the output of a fuzzer in BUILD/fuzz/FUZZER.log.
set -euo pipefail

build=${1:?} seconds=${2:?}
shift 2
corpora=$(dirname "$0")/corpus
share=$((seconds / $# > 0 ? seconds / $# : 1))
mkdir -p "$build/results"
tap=$build/results/fuzz.tap
: >"$tap"
number=0

result() {
	echo "$@" | tee -a "$tap"
}

# The corpus has no input that fails, so a failure here is a regression.
replay() {
	"$build/fuzz/$fuzzer" -timeout=60 -artifact_prefix="$build/fuzz/$name-" "$seeds"/* \
		>>"$log" 2>&1
}

# Starts from the corpus and from the inputs that earlier runs found interesting.
search() {
	mkdir -p "$build/fuzz/corpus/$name"
	"$build/fuzz/$fuzzer" -timeout=60 -max_len=8192 -max_total_time="$share" \
		-print_final_stats=1 -artifact_prefix="$build/fuzz/$name-" \
		"$build/fuzz/corpus/$name" "$seeds" >>"$log" 2>&1
}

figures() {
	awk -v seeds="$(find "$seeds" -type f | wc -l)" -v share="$share" '
		match($0, /\([0-9]+ inline/) { edges = substr($0, RSTART + 1) + 0 }
		$2 == "DONE" { covered = $4 }
		/^stat::number_of_executed_units/ { executions = $2 }
		END { printf "%d seeds, %d executions in %d s, %d of %d edges\n",
			seeds, executions, share, covered, edges }' "$log"
}

# The file that libFuzzer wrote, or the corpus input that it read last.
reproducer() {
	sed -n 's/.*Test unit written to //p; s/^Running: //p' "$log" | tail -n 1
}

for fuzzer in "$@"; do
	name=${fuzzer#fuzz_}
	seeds=$corpora/$name
	log=$build/fuzz/$fuzzer.log
	: >"$log"
	number=$((number + 1))
	if replay && search; then
		result "ok $number - $fuzzer: $(figures)"
	else
		result "not ok $number - $fuzzer: run '$build/fuzz/$fuzzer $(reproducer)'; see $log"
		tail -n 40 "$log" | sed 's/^/# /'
	fi
done
result "1..$number"
! grep -q '^not ok' "$tap"
