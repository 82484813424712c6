#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh [DIRECTORY]: builds the sanitizer kernel from Debian's source package with the driver in
# its tree, and prints the path of the tree. Copies the module to DIRECTORY, together with GCC's
# notes for gcov if the module was built with GCOV_PROFILE=y.
#
# The kernel is built once, and cached under a key that does not depend on the driver's sources:
# these are copied into the tree, and only the module is rebuilt.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
folder=${1-}
source=/usr/src/linux-source-6.12.tar.xz
[[ -e $source ]] || { echo "$source is missing: run 'sudo make deps'" >&2; exit 1; }
version=$(dpkg-query -W -f '${Version}' linux-source-6.12)
key=$(cat "$here/build.sh" "$here/kernel.config" "$here/../../driver/Kconfig" - <<<"$version" |
	sha256sum | cut -c -16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff
tree=$cache/sanitizer-kernel-$key
logoff=drivers/hv/logoff

kernel_make() {
	make -C "$tree" -s ARCH=x86_64 -j"$(nproc)" "$@" >&2
}

compile_kernel() {
	kernel_make bzImage modules
	kernel_make INSTALL_MOD_PATH="$tree/installed" modules_install
	# Guests get the module that is built from the working tree.
	rm -r "$tree"/installed/lib/modules/*/kernel/$logoff
	touch "$tree/done"
}

configure_kernel() {
	rm -rf "$cache"/sanitizer-kernel-*/
	mkdir -p "$tree"
	echo "building the sanitizer kernel; this takes about ten minutes on two processors, once" >&2
	tar -C "$tree" --strip-components=1 -xf "$source"
	"$here/../../driver/kernel-tree.sh" --sync "$tree"
	kernel_make KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
	# kconfig silently drops a symbol whose dependencies are not met.
	if grep '^CONFIG' "$here/kernel.config" | grep -vxFf "$tree/.config" >&2; then
		echo "these symbols are missing in the kernel's configuration" >&2
		exit 1
	fi
}

# Compiles the kernel again if kernel-tree.sh has changed one of its own files since.
update_kernel() {
	"$here/../../driver/kernel-tree.sh" --sync "$tree"
	[[ -z $(find "$tree"/drivers/hv/{Kconfig,Makefile,channel_mgmt.c} "$tree/include/linux/hyperv.h" \
		-newer "$tree/done") ]] || compile_kernel
}

# Do not pass the variables of our make on to the kernel's.
unset MAKEFLAGS MFLAGS
mkdir -p "$cache"
exec 9>"$cache/sanitizer-kernel.lock"
flock 9
if [[ ! -e $tree/done ]]; then
	configure_kernel
	compile_kernel
fi
if [[ -n $folder ]]; then
	update_kernel
	# e: warnings are errors.
	kernel_make W=1e $logoff/hv_logoff.ko
	find "$tree/$logoff" \( -name '*.ko' -o -name '*.gcno' \) -exec cp -t "$folder" {} +
fi
echo "$tree"
