#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# matrix.sh BUILD KERNEL…: builds the driver for every kernel, with all warnings, and has sparse
# read it. TAP, on standard output and in BUILD/results/matrix.tap.
set -euo pipefail

build=${1:?}
shift
here=$(dirname "$(realpath "$0")")
mkdir -p "$build/results"
exec > >(tee "$build/results/matrix.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

# Passes if a log says nothing but what was done. That bookworm's compiler is a revision newer
# than its kernel's is not about the driver.
silent() {
	! grep -iE 'warning|error|note:' "$1" | grep -vE 'the compiler differs from the one used'
}

compile() {
	local kernel=$1 copy=$2
	rm -rf "$copy"
	mkdir -p "$copy"
	cp -r "$here/../../driver/." "$copy/"
	"$here/kbuild.sh" "$kernel" "$copy" W=1 modules >"$copy/log" 2>&1 ||
		{ cat "$copy/log"; return 1; }
	silent "$copy/log"
}

# C=2 reads what has been compiled already.
sparse() {
	local kernel=$1 copy=$2
	"$here/kbuild.sh" "$kernel" "$copy" C=2 CF=-D__CHECK_ENDIAN__ modules >"$copy/sparse.log" 2>&1 ||
		{ cat "$copy/sparse.log"; return 1; }
	grep -q CHECK "$copy/sparse.log" || { echo "sparse did not run"; return 1; }
	silent "$copy/sparse.log"
}

for name in "$@"; do
	kernel=$build/kernel-$name copy=$build/matrix/$name
	release=$(basename "$(realpath "$kernel/modules")")
	check "$release: builds with W=1" compile "$kernel" "$copy"
	check "$release: sparse" sparse "$kernel" "$copy"
done
check 'checkpatch --strict' "$here/../check/checkpatch.sh"
plan
