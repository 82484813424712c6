#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bullseye.sh FOLDER TARGET…: makes the targets on Debian 11 (glibc 2.31, systemd 247), the oldest
# system that is supported, with all warnings as errors. FOLDER is /build there. The exit status is
# 77 if the mirror reports that it no longer has Debian 11.
#
# The Debian system is unpacked once and kept in the cache, under a name derived from this script.
set -euo pipefail

folder=${1:?}
shift
here=$(dirname "$(realpath "$0")")
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"
packages=make,mawk,gcc,libc6-dev,pkg-config,libsystemd-dev,libkmod-dev,libjansson-dev,libcmocka-dev
packages+=,libpam0g-dev,dbus-daemon,kmod
root=$cache/userspace-bullseye-$(sha256sum <"$0" | cut -c1-16)

make_root() {
	rm -rf "$cache"/userspace-bullseye-*
	mkdir "$root.new"
	mmdebstrap --quiet --variant=extract --format=tar --include='?essential' \
		--include="$packages" --aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/doc/*' \
		bullseye - - <<<"deb [signed-by=$keyring] $1 bullseye main" |
		tar -x -C "$root.new" --exclude='./dev/*' --no-same-owner
	# This is what the packages' scripts would have done.
	ln -s mawk "$root.new/usr/bin/awk"
	cp "$root.new/usr/share/base-passwd/passwd.master" "$root.new/etc/passwd"
	cp "$root.new/usr/share/base-passwd/group.master" "$root.new/etc/group"
	mkdir -p "$root.new"/{build,dev,proc,source,tmp}
	mv "$root.new" "$root"
}

mkdir -p "$folder" "$cache"
(
	flock 9
	[[ ! -d $root ]] || exit 0
	site=$(find_mirror bookworm)
	if is_missing "$site" bullseye; then
		echo "$site no longer has bullseye" >&2
		exit 77
	fi
	make_root "$site" 9>&-
) 9>"$cache/userspace-bullseye.lock"

# The mounts are private to this command, and end with it. Users other than root get a user
# namespace with enough IDs for the unit tests.
mapped=()
[[ $EUID -eq 0 ]] || mapped=(--map-root-user --map-auto)
# shellcheck disable=SC2016 # the inner shell expands these
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
	unshare "${mapped[@]}" --mount sh -euc '
	root=$1 source=$2 build=$3
	shift 3
	mount --rbind "$root" "$root" # so that / is a mount point
	mount --rbind /dev "$root/dev"
	mount --rbind /proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount -t tmpfs tmpfs "$root/tmp"
	mount --bind "$source" "$root/source"
	mount --bind "$build" "$root/build"
	exec /usr/sbin/chroot "$root" "$@"
' sh "$root" "$(realpath "$here/../..")" "$(realpath "$folder")" \
	make -sC /source -j"$(nproc)" -k BUILD=/build CC=gcc WERROR=-Werror "$@"
