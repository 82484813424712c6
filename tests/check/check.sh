#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh BUILD: runs the static checks and writes TAP to standard output and BUILD/results.
set -euo pipefail

build=${1:?}
mkdir -p "$build/results"
exec > >(tee "$build/results/check.tap")
# shellcheck source=../tap.sh
. tests/tap.sh
flags=(-D_GNU_SOURCE -Iuserspace/shared/include -Idriver/uapi -I. "-I$build"
	-I"$build/tests/hvhost" -Iuserspace/host/libvmguestos)

files() {
	find driver userspace tests .ci Makefile -type f "$@" | sort
}

mapfile -t programs < <(files -name '*.c' ! -path 'driver/*')
mapfile -t scripts < <(files -exec grep -lE '^#!/bin/(ba)?sh' {} +)

tidy() {
	local output
	output=$(printf '%s\0' "${programs[@]}" | xargs -0 -P "$(nproc)" -I {} \
		clang-tidy --quiet {} -- -std=c17 "${flags[@]}" 2>&1) && return
	grep -E ': (warning|error):' <<<"$output" || echo "$output"
	return 1
}

licensed() {
	local missing
	missing=$(files ! -name cmdline ! -path '*/corpus/*' -exec grep -L 'SPDX-License-Identifier:' {} + || true)
	[[ -z $missing ]] || { echo "no SPDX line: $missing"; return 1; }
}

# cppcheck needs the lists of <sys/queue.h> for the programs; they have names in common with the
# kernel's. It does not know the attribute "cleanup".
cppchecked() {
	local options=(--quiet --std=c11 "--enable=warning,performance,portability" --inline-suppr
		--error-exitcode=1 --suppress=missingIncludeSystem -D__linux__ -j "$(nproc)" "${flags[@]}")

	cppcheck "${options[@]}" --suppress=resourceLeak:userspace/guest/system/module.c \
		"--include=/usr/include/$(gcc -print-multiarch)/sys/queue.h" "${programs[@]}" || return
	cppcheck "${options[@]}" --suppress=arithOperationsOnVoidPointer driver
}

# The driver is checked by checkpatch.pl instead.
formatted() {
	files -name '*.[ch]' ! -path 'driver/*' -exec clang-format --dry-run --Werror {} +
}

check 'checkpatch --strict: driver' tests/check/checkpatch.sh
check 'clang-tidy: user space and tests' tidy
check 'cppcheck' cppchecked
check 'clang-format: user space and tests' formatted
check 'shellcheck' shellcheck -x -P SCRIPTDIR "${scripts[@]}"
check 'SPDX-License-Identifier in every file' licensed
check 'libvmguestos exports only what vmguestos.h declares' tests/check/exports.sh "$build"
plan
