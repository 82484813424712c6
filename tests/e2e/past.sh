#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# past.sh BUILD KERNEL: builds driver and daemon as they were when they spoke message version 1.0
# and no other, out of the repository's history, for the kernel in the folder BUILD/kernel-K.
# Prints the folder that they are in. past.sh --check: whether that history is here.
set -euo pipefail

last_of_1_0=142b17f4e9a75eea10f2082bb0e0018e4f54b6f0
here=$(dirname "$(realpath "$0")")
# Variables that our own make was given are not for the past's.
unset MAKEFLAGS MFLAGS

history() {
	# Root builds in folders that are a user's, too.
	git -c safe.directory='*' -C "$here/../.." "$@"
}

if [[ $1 == --check ]]; then
	history cat-file -e "$last_of_1_0^{commit}" 2>/dev/null
	exit
fi

build=$(realpath "${1:?}") kernel=${2:?}
tree=$build/past out=$build/past-$(basename "$kernel")
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
