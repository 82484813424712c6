#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# matrix.sh BUILD KERNEL…: builds the driver for each kernel with all warnings, and checks it with
# sparse. Writes TAP to standard output and BUILD/results/matrix.tap.
set -euo pipefail

build=${1:?}
shift
here=$(dirname "$(realpath "$0")")
mkdir -p "$build/results"
exec > >(tee "$build/results/matrix.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

# Passes if a log has no diagnostics. The warning that bookworm's compiler is newer than the one
# that built its kernel is not about the driver.
has_no_diagnostics() {
	! grep -iE 'warning|error|note:' "$1" | grep -vE 'the compiler differs from the one used'
}

compile() {
	local kernel=$1 copy=$2
	rm -rf "$copy"
	mkdir -p "$copy"
	cp -r "$here/../../Kbuild" "$here/../../driver" "$copy/"
	"$here/kbuild.sh" "$kernel" "$copy" W=1 modules >"$copy/log" 2>&1 ||
		{ cat "$copy/log"; return 1; }
	has_no_diagnostics "$copy/log"
}

# C=2 also checks files that are already compiled.
sparse() {
	local kernel=$1 copy=$2
	"$here/kbuild.sh" "$kernel" "$copy" C=2 CF=-D__CHECK_ENDIAN__ modules >"$copy/sparse.log" 2>&1 ||
		{ cat "$copy/sparse.log"; return 1; }
	grep -q CHECK "$copy/sparse.log" || { echo "sparse did not run"; return 1; }
	has_no_diagnostics "$copy/sparse.log"
}

# Passes if only the sources and our logs are left.
clean() {
	local kernel=$1 copy=$2
	"$here/kbuild.sh" "$kernel" "$copy" clean >"$copy/clean.log" 2>&1 ||
		{ cat "$copy/clean.log"; return 1; }
	rm "$copy"/{,sparse.,clean.}log
	diff -r "$here/../../driver" "$copy/driver" && [[ $(LC_ALL=C ls -A "$copy") == $'Kbuild\ndriver' ]]
}

# From 5.11 to 5.18, __hv_pkt_iter_next() had a third argument. No Debian suite has such a kernel,
# so this patches the headers of 5.10.
compile_three_arguments() {
	local kernel=$1 copy=$2 header
	header=("$kernel"/root/usr/src/linux-headers-*-common/include/linux/hyperv.h)
	mkdir -p "$copy"
	sed '/^__hv_pkt_iter_next(/,/);/ s/pkt);/pkt, bool copy);/
		s/__hv_pkt_iter_next(channel, pkt)/__hv_pkt_iter_next(channel, pkt, true)/' \
		"${header[0]}" >"$copy.h"
	[[ $(diff "${header[0]}" "$copy.h" | grep -c '^>') == 2 ]] ||
		{ echo "can't patch ${header[0]}"; return 1; }
	HYPERV_H=$(realpath "$copy.h") compile "$kernel" "$copy"
}

for name in "$@"; do
	kernel=$build/kernel-$name copy=$build/matrix/$name
	release=$(basename "$(realpath "$kernel/modules")")
	check "$release: builds with W=1" compile "$kernel" "$copy"
	check "$release: sparse" sparse "$kernel" "$copy"
	check "$release: make clean" clean "$kernel" "$copy"
done
[[ ! -e $build/kernel-5.10 ]] ||
	check "5.10 with the three arguments of 5.15's __hv_pkt_iter_next(): builds with W=1" \
		compile_three_arguments "$build/kernel-5.10" "$build/matrix/three-arguments"
check 'kernel-tree: checkpatch --strict passes the patch series' "$here/series.sh" "$build/series"
check 'kernel-tree: no warning from docutils' rst2pseudoxml --report=info --halt=info \
	"$here/../../driver/Documentation/virt/hyperv/logoff.rst" "$build/series/logoff.xml"
plan
