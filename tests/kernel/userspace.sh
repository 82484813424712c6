#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# userspace.sh BUILD: builds user space on Debian 11 (glibc 2.31, systemd 247), the oldest system
# that is supported, with all warnings as errors, and runs the unit tests there. Writes TAP to
# standard output and BUILD/results/userspace.tap.
#
# The Debian system is unpacked once and kept in the cache, under a name derived from this script.
set -euo pipefail

build=${1:?}
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"
packages=make,mawk,gcc,libc6-dev,pkg-config,libsystemd-dev,libkmod-dev,libjansson-dev,libcmocka-dev
packages+=,dbus-daemon,kmod
programs=(/build/{hv-logoffd,hv-logoffctl,vmlogoff,libvmguestos.so,libvmguestos.a})
root=$cache/userspace-bullseye-$(sha256sum <"$0" | cut -c1-16)
objects=$build/userspace-bullseye

mkdir -p "$build/results" "$cache"
exec > >(tee "$build/results/userspace.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

make_root() {
	rm -rf "$cache"/userspace-bullseye-*
	mkdir "$root.new"
	mmdebstrap --quiet --variant=extract --format=tar --include='?essential' \
		--include="$packages" --aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/doc/*' \
		bullseye - - <<<"deb [signed-by=$keyring] $1 bullseye main" |
		tar -x -C "$root.new" --exclude='./dev/*' --no-same-owner || return
	# This is what the packages' scripts would have done.
	ln -s mawk "$root.new/usr/bin/awk"
	cp "$root.new/usr/share/base-passwd/passwd.master" "$root.new/etc/passwd"
	cp "$root.new/usr/share/base-passwd/group.master" "$root.new/etc/group"
	mkdir -p "$root.new"/{build,dev,proc,source,tmp}
	mv "$root.new" "$root"
}

# The mounts are private to this command, and end with it. Users other than root get a user
# namespace with enough IDs for the unit tests.
inside() {
	local mapped=()
	[[ $EUID -eq 0 ]] || mapped=(--map-root-user --map-auto)
	# shellcheck disable=SC2016 # the inner shell expands these
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
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
	' sh "$root" "$source" "$(realpath "$objects")" \
		make -sC /source -j"$(nproc)" -k BUILD=/build CC=gcc WERROR=-Werror "$@"
}

compile() {
	if [[ ! -d $root ]]; then
		[[ -n $1 ]] || find_mirror bookworm || return
		make_root "$1" || return
	fi
	inside "${programs[@]}"
}

names=('Debian 11: user space builds' 'Debian 11: unit tests build and pass')
exec 9>"$cache/userspace-bullseye.lock"
flock 9
site=
[[ -d $root ]] || site=$(find_mirror bookworm) || true
if [[ -n $site ]] && is_missing "$site" bullseye; then
	for name in "${names[@]}"; do
		skip "$name" "$site no longer has bullseye"
	done
	plan
	exit
fi
rm -rf "$objects"
mkdir -p "$objects"
check "${names[0]}" compile "$site"
check "${names[1]}" inside unit
plan
