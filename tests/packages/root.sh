#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# root.sh RELEASE: prints the path of a tar file with a Debian system as it is in a guest: systemd,
# DKMS with a compiler, hyperv-daemons, and no kernel. Its directory /repository has the packages of
# two kernels of the release, the first and the last that the mirror serves, with their headers; the
# file /repository/kernels has their versions. The file is made once, and kept in the cache under a
# name with a hash of this script. The exit status is 77 if the mirror does not have the release.
# shellcheck disable=SC2016 # commands for the shell inside the system
set -euo pipefail

release=${1:?}
here=$(dirname "$(realpath "$0")")
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"

# Runs in the system. A kernel is only served as a pair if its headers are served, too.
fetch_kernels='
	series=$(apt-cache depends linux-image-cloud-amd64 |
		sed -n "s/.*Depends: linux-image-\([0-9]*\)\.\([0-9]*\)\..*/\1[.]\2[.]/p")
	apt-cache search --names-only "^linux-(headers|image)-$series.*-cloud-amd64$" |
		sed "s/^linux-[a-z]*-//; s/ .*//" | sort -V | uniq -d | sed -n "1p; \$p" >/repository/kernels
	packages=$(sed "s/.*/linux-image-& linux-headers-&/" /repository/kernels)
	apt-get -y -d -o Dir::Cache::archives=/repository install $packages
	rm -rf /repository/partial /repository/lock
'

make_root() {
	local suffix
	for suffix in '' -security; do
		site=$(find_mirror "bookworm$suffix")
		echo "deb [signed-by=$keyring] $site $release$suffix main"
	done >"$root.sources"
	mmdebstrap --quiet --variant=minbase \
		--include=systemd,systemd-sysv,libpam-systemd,dbus,udev,kmod,login,passwd,procps \
		--include=hyperv-daemons,polkitd,dkms,gcc,libc6-dev,make,dpkg-dev,initramfs-tools \
		--include=libjansson4,libkmod2,openssl \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook='mkdir "$1/repository"' \
		--customize-hook="chroot \"\$1\" sh -euc '$fetch_kernels'" \
		--format=tar "$release" "$root.new" - <"$root.sources" >&2
	rm "$root.sources"
	mv "$root.new" "$root"
}

mkdir -p "$cache"
root=$cache/dkms-$release-$(sha256sum <"$here/root.sh" | cut -c1-16).tar
exec 9>"$cache/dkms-$release.lock"
flock 9
if [[ ! -s $root ]]; then
	site=$(find_mirror bookworm)
	if is_missing "$site" "$release"; then
		echo "the mirror does not have Debian $release" >&2
		exit 77
	fi
	echo "making a Debian system with two kernels by mmdebstrap; this takes some minutes, once" >&2
	rm -f "$cache/dkms-$release-"*.tar
	make_root 9>&-
fi
echo "$root"
