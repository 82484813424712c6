#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# arm64.sh BUILD: cross-builds the driver and user space for arm64, and runs the unit tests by qemu-user.
# Nothing has run on an arm64 Hyper-V. Writes TAP to standard output and BUILD/results/arm64.tap.
#
# The Debian system with the compiler is unpacked once and kept in the cache, under a name derived from
# make_root().
# shellcheck disable=SC2016 # the inner shells expand these
set -euo pipefail

if ((EUID != 0)); then
	echo "arm64.sh: mounts need root: run 'sudo make arm64'" >&2
	exit 1
fi
build=${1:?}
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"
objects=$build/arm64

mkdir -p "$build/results" "$cache" "$objects"
objects=$(realpath "$objects")
exec > >(tee "$build/results/arm64.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

# The headers of kernels for arm64 need a compiler that runs on arm64, by their dependencies. They are
# unpacked without these, and use the tools of this architecture.
make_root() {
	local packages sources
	packages=make,mawk,pahole,gcc-aarch64-linux-gnu,libc6-dev-arm64-cross,pkg-config,libc6-dev:arm64
	packages+=,libsystemd-dev:arm64,libkmod-dev:arm64,libjansson-dev:arm64,libcmocka-dev:arm64
	packages+=,qemu-user-static,dbus-daemon,kmod
	sources="deb [signed-by=$keyring] $1 bookworm main"
	sources+=$'\n'"deb [signed-by=$keyring] $2 bookworm-security main"
	rm -rf "$cache"/arm64-bookworm-* "$root.new"
	mkdir "$root.new"
	mmdebstrap --quiet --variant=extract --format=tar --architectures=amd64,arm64 \
		--include='?essential ?architecture(amd64)' --include="$packages" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--extract-hook='set -eu; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; cd "$1"
			depends() { apt-cache depends "$1:arm64" | sed "s/.*Depends: //; s/^ *//; s/:arm64//"; }
			for meta in linux-headers-arm64 linux-headers-6.12-arm64; do
				headers=$(depends "$meta" | grep linux-headers- | tail -n 1)
				apt-get download "$headers:arm64" \
					$(depends "$headers" | grep -E "^linux-(headers-.*-common|kbuild-.*)" | sort -u)
			done
			for package in ./*.deb; do dpkg-deb -x "$package" .; rm "$package"; done' \
		bookworm - - <<<"$sources" |
		tar -x -C "$root.new" --exclude='./dev/*' --exclude=./usr/share/doc --no-same-owner || return
	ln -s mawk "$root.new/usr/bin/awk"
	cp "$root.new/usr/share/base-passwd/passwd.master" "$root.new/etc/passwd"
	cp "$root.new/usr/share/base-passwd/group.master" "$root.new/etc/group"
	mkdir -p "$root.new"/{build,dev,proc,source,tmp}
	mv "$root.new" "$root"
}

# The mounts are private to this command, and end with it.
inside() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig \
		unshare --mount sh -euc '
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
	' sh "$root" "$source" "$objects" "$@"
}

cross_make() {
	inside make -sC /source -j"$(nproc)" -k BUILD=/build WERROR=-Werror CC=aarch64-linux-gnu-gcc \
		LD=aarch64-linux-gnu-ld OBJCOPY=aarch64-linux-gnu-objcopy AR=aarch64-linux-gnu-ar "$@"
}

# Without sanitizers, which qemu-user does not support. Nor has it SO_PEERGROUPS, which hvhost needs.
unit_tests() {
	cross_make unit ASAN_CFLAGS='-O1 -g' UNIT_RUNNER='timeout 600 qemu-aarch64-static' \
		UNIT_SKIP='test_permission test_hvhost_sockets'
}

driver() {
	local kernel=$1 log=$objects/driver-$1.log
	rm -rf "$objects/driver"
	mkdir "$objects/driver"
	cp -r "$source/Kbuild" "$source/driver" "$objects/driver/"
	inside make -C "/usr/src/linux-headers-$kernel" M=/build/driver ARCH=arm64 \
		CROSS_COMPILE=aarch64-linux-gnu- W=1 modules >"$log" 2>&1 || { cat "$log"; return 1; }
	! grep -iE 'warning|error|note:' "$log" | grep -vE 'the compiler differs from the one used' || return
	file "$objects/driver/driver/hv_logoff.ko" | grep aarch64
}

# pages KERNEL: the size of pages that the kernel is configured for, such as 4K.
pages() {
	sed -n 's/^CONFIG_ARM64_\([0-9]*K\)_PAGES=y/\1/p' "$root/usr/src/linux-headers-$1/.config"
}

root=$cache/arm64-bookworm-$(declare -f make_root | sha256sum | cut -c1-16)
exec 9>"$cache/arm64-bookworm.lock"
flock 9
if [[ ! -d $root ]]; then
	site=$(find_mirror bookworm)
	security=$(find_mirror bookworm-security)
	make_root "$site" "$security" >&2 9>&-
fi
for headers in "$root"/usr/src/linux-headers-*-arm64; do
	kernel=${headers##*/linux-headers-}
	check "arm64: the driver builds with W=1 for $kernel, $(pages "$kernel") pages" driver "$kernel"
done
check 'arm64: user space builds' cross_make userspace
check 'arm64: unit tests under qemu-user' unit_tests
plan
