#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh BUILD: the static checks, as TAP on standard output and in BUILD/results.
set -euo pipefail

build=${1:?}
mkdir -p "$build/results"
log=$build/results/check.log
: >"$log"
exec > >(tee "$build/results/check.tap")
number=0 failed=0
flags=(-D_GNU_SOURCE -Idriver/uapi -I. "-I$build" -I"$build/tests/hvhost" -I"$build/tests/unit" -Iuserspace/host
	'-D__packed=__attribute__((packed))' '-D__aligned(n)=__attribute__((aligned(n)))')

files() {
	find driver userspace tests .ci Makefile -type f "$@" | sort
}

mapfile -t programs < <(files -name '*.c' ! -path 'driver/*')
mapfile -t scripts < <(files -exec grep -lE '^#!/bin/(ba)?sh' {} +)

# check NAME COMMAND…: one TAP line, and what the command said if it failed.
check() {
	local name=$1 output
	shift
	number=$((number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		printf '%s\n' "$output" | sed 's/^/# /'
	fi
	printf '== %s\n%s\n' "$name" "$output" >>"$log"
}

tidy() {
	local said
	said=$(printf '%s\0' "${programs[@]}" | xargs -0 -P "$(nproc)" -I {} \
		clang-tidy --quiet {} -- -std=c17 "${flags[@]}" 2>&1) && return
	grep -E ': (warning|error):' <<<"$said" || echo "$said"
	return 1
}

licensed() {
	local missing
	missing=$(files ! -name cmdline ! -path '*/corpus/*' -exec grep -L 'SPDX-License-Identifier:' {} + || true)
	[[ -z $missing ]] || { echo "no SPDX line: $missing"; return 1; }
}

check 'checkpatch --strict: driver' tests/check/checkpatch.sh
check 'clang-tidy: user space and tests' tidy
check 'cppcheck' cppcheck --quiet --std=c11 --enable=warning,performance,portability \
	--inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
	--suppress=arithOperationsOnVoidPointer:driver/* \
	"--include=/usr/include/$(gcc -print-multiarch)/sys/queue.h" \
	-D__linux__ -j "$(nproc)" "${flags[@]}" "${programs[@]}" driver
check 'shellcheck' shellcheck "${scripts[@]}"
check 'every file names its licence' licensed
echo "1..$number"
((failed == 0))
