#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# stock.sh RELEASE: prints the directory that contains boot/vmlinuz-RELEASE and
# lib/modules/RELEASE. If that kernel is not installed, its package is unpacked into the
# cache: a test should not change which kernel this machine boots.
set -euo pipefail

release=${1:?}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff
root=$cache/kernel-$release

if [[ -r /boot/vmlinuz-$release && -d /lib/modules/$release/kernel ]]; then
	echo /
	exit
fi
if [[ ! -d $root ]]; then
	echo "downloading the package linux-image-$release, once" >&2
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/kernel.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	(cd "$work" && apt-get download -qq "linux-image-$release" >&2) || {
		echo "apt does not have linux-image-$release: run 'sudo make deps'" >&2
		exit 1
	}
	dpkg-deb -x "$work"/*.deb "$work/root"
	mv "$work/root" "$root"
fi
echo "$root"
