#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh: builds the sanitizer kernel from Debian's source package, once, and prints the
# folder that it was built in.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
source=/usr/src/linux-source-6.12.tar.xz
[[ -e $source ]] || { echo "$source is missing: run 'sudo make deps'" >&2; exit 1; }
version=$(dpkg-query -W -f '${Version}' linux-source-6.12)
key=$(cat "$here/build.sh" "$here/kernel.config" - <<<"$version" | sha256sum | cut -c -16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff
tree=$cache/sanitizer-kernel-$key

mkdir -p "$cache"
exec 9>"$cache/sanitizer-kernel.lock"
flock 9
if [[ ! -e $tree/done ]]; then
	rm -rf "$cache"/sanitizer-kernel-*/
	mkdir -p "$tree"
	echo "building the sanitizer kernel, once: this takes some ten minutes on two processors" >&2
	tar -C "$tree" --strip-components=1 -xf "$source"
	make -C "$tree" -s ARCH=x86_64 KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig >&2
	# A symbol whose dependencies are not met is dropped in silence.
	if grep '^CONFIG' "$here/kernel.config" | grep -vxFf "$tree/.config" >&2; then
		echo "the kernel's configuration has dropped these symbols" >&2
		exit 1
	fi
	make -C "$tree" -s ARCH=x86_64 -j"$(nproc)" bzImage modules >&2
	make -C "$tree" -s INSTALL_MOD_PATH="$tree/installed" modules_install >&2
	touch "$tree/done"
fi
echo "$tree"
