#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh BUILD: the static checks, as TAP on standard output and in BUILD/results.
set -euo pipefail

build=${1:?}
mkdir -p "$build/results"
exec > >(tee "$build/results/check.tap")
# shellcheck source=../tap.sh
. tests/tap.sh
flags=(-D_GNU_SOURCE -Iuserspace/shared/include -Idriver/uapi -I. "-I$build"
	-I"$build/tests/hvhost")

files() {
	find driver userspace tests .ci Makefile -type f "$@" | sort
}

mapfile -t programs < <(files -name '*.c' ! -path 'driver/*')
mapfile -t scripts < <(files -exec grep -lE '^#!/bin/(ba)?sh' {} +)

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

# The driver's form is the kernel's, which checkpatch knows.
formatted() {
	files -name '*.[ch]' ! -path 'driver/*' -exec clang-format --dry-run --Werror {} +
}

check 'checkpatch --strict: driver' tests/check/checkpatch.sh
check 'clang-tidy: user space and tests' tidy
check 'cppcheck' cppcheck --quiet --std=c11 --enable=warning,performance,portability \
	--inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
	--suppress=arithOperationsOnVoidPointer:driver/* \
	"--include=/usr/include/$(gcc -print-multiarch)/sys/queue.h" \
	-D__linux__ -j "$(nproc)" "${flags[@]}" "${programs[@]}" driver
check 'clang-format: user space and tests' formatted
check 'shellcheck' shellcheck -x -P SCRIPTDIR "${scripts[@]}"
check 'every file names its licence' licensed
plan
