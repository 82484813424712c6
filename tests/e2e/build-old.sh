#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build-old.sh VERSION BUILD KERNEL: builds the last driver and daemon of VERSION, from the
# repository's history, for the kernel in the directory KERNEL. VERSION is a message version, 1.0 or
# 1.1; or without-managers, when the daemon did not stop user managers. Prints the directory with the
# results. build-old.sh VERSION --check: exits with 0 if the clone contains that history.
set -euo pipefail

declare -A last=(
	[1.0]=142b17f4e9a75eea10f2082bb0e0018e4f54b6f0
	[1.1]=c153fc060c0dad7f38853182da94fa5a197d3056
	[without-managers]=329e396e82f8a90de466d0dc4f65b817323f2a22
)
version=${1:?} commit=${last[$1]:?no such version}
here=$(dirname "$(realpath "$0")")
# Do not pass the variables of our make on to that of the old tree.
unset MAKEFLAGS MFLAGS

history() {
	# root also builds in clones that are owned by another user.
	git -c safe.directory='*' -C "$here/../.." "$@"
}

if [[ ${2:?} == --check ]]; then
	history cat-file -e "$commit^{commit}" 2>/dev/null
	exit
fi

build=$(realpath "$2") kernel=${3:?}
tree=$build/$version out=$build/$version-$(basename "$kernel")
if [[ ! -e $tree/Makefile ]]; then
	mkdir -p "$tree"
	history archive "$commit" | tar -x -C "$tree"
fi

# Up to 1.0, driver/ was built as a module of its own; later trees have a Kbuild at the top.
mkdir -p "$out/module"
if [[ -e $tree/Kbuild ]]; then
	cp -ru "$tree/Kbuild" "$tree/driver" "$out/module/"
else
	cp -ru "$tree/driver/." "$out/module/"
fi
{
	"$here/../kernel/kbuild.sh" "$kernel" "$out/module" modules
	make -C "$tree" BUILD=build build/hv-logoffd
	cp "$tree/build/hv-logoffd" "$out/"
	find "$out/module" -name hv_logoff.ko -exec cp -t "$out" {} +
	strip --strip-debug "$out/hv_logoff.ko" "$out/hv-logoffd"
} >&2
echo "$out"
