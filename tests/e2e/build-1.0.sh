#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build-1.0.sh BUILD KERNEL: builds the last driver and daemon that support only message version
# 1.0, from the repository's history, for the kernel in the directory KERNEL. Prints the directory
# with the results. build-1.0.sh --check: exits with 0 if the clone contains that history.
set -euo pipefail

last_of_1_0=142b17f4e9a75eea10f2082bb0e0018e4f54b6f0
here=$(dirname "$(realpath "$0")")
# Do not pass the variables of our make on to that of the old tree.
unset MAKEFLAGS MFLAGS

history() {
	# root also builds in clones that are owned by another user.
	git -c safe.directory='*' -C "$here/../.." "$@"
}

if [[ $1 == --check ]]; then
	history cat-file -e "$last_of_1_0^{commit}" 2>/dev/null
	exit
fi

build=$(realpath "${1:?}") kernel=${2:?}
tree=$build/1.0 out=$build/1.0-$(basename "$kernel")
if [[ ! -e $tree/Makefile ]]; then
	mkdir -p "$tree"
	history archive "$last_of_1_0" | tar -x -C "$tree"
fi

mkdir -p "$out"
cp -ru "$tree/driver/." "$out/"
{
	"$here/../kernel/kbuild.sh" "$kernel" "$out" modules
	make -C "$tree" BUILD=build build/hv-logoffd
	cp "$tree/build/hv-logoffd" "$out/"
	strip --strip-debug "$out/hv_logoff.ko" "$out/hv-logoffd"
} >&2
echo "$out"
