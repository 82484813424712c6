#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# debian.sh KERNEL: prints the path of a Debian system that has a cloud kernel, its headers, and the
# compiler and sparse of its suite. KERNEL is a series, such as 5.10, or sid for the newest kernel
# of Debian sid. The system is unpacked once, not installed, and kept in the cache under a key that
# is derived from its inputs.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
kernel=${1:?}
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"

# The kernel comes from the last suite. bullseye's sparse misreads a structure that is both packed
# and aligned, so everything except the kernel and its compiler comes from bookworm.
case $kernel in
5.10) suites='bookworm bullseye bullseye-security' edition= ;;
# The kernel of sid changes: unpack it again each week.
sid) suites=sid edition=$(date +%G-%V) ;;
*) echo "unknown kernel '$kernel': add its suites to tests/kernel/debian.sh" >&2; exit 1 ;;
esac

# The sources.list lines for the suites, with the mirrors that this machine uses.
sources() {
	local suite archive site
	for suite in $suites; do
		archive=bookworm
		[[ $suite != *-security ]] || archive=bookworm-security
		site=$(find_mirror "$archive") || return
		echo "deb [signed-by=$keyring] $site $suite main"
	done
}

# An APT pattern for the package that linux-NAME-cloud-amd64 depends on.
newest() {
	echo "?reverse-depends(?narrow(?exact-name(linux-$1-cloud-amd64),?codename(^${suites##* }\$)))"
}

make_root() {
	local root=$1 archives=$2 release common
	mmdebstrap --quiet --variant=extract --format=tar \
		--include='?essential' --include="$(newest headers)" --include="$(newest image)" \
		--include=make,mawk,sparse \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		"${suites%% *}" - - <<<"$archives" |
		tar -x -C "$root" --exclude='./dev/*' --no-same-owner
	mkdir -p "$root"/{boot,dev,driver}
	ln -s mawk "$root/usr/bin/awk"
	# sid's headers do not contain the script that checks the version of sparse.
	common=("$root"/usr/src/linux-headers-*-common)
	if [[ ! -e ${common[0]}/scripts/checker-valid.sh ]]; then
		printf '#!/bin/sh\necho 1\n' >"${common[0]}/scripts/checker-valid.sh"
		chmod +x "${common[0]}/scripts/checker-valid.sh"
	fi
	release=$(cd "$root/lib/modules" && ls -d ./*-cloud-amd64)
	release=${release#./}
	if [[ $kernel != sid && $release != "$kernel".* ]]; then
		echo "Debian ${suites##* } has Linux $release instead of $kernel: change $0" >&2
		return 1
	fi
	[[ -e $root/boot/vmlinuz-$release ]] ||
		ln -s "../lib/modules/$release/vmlinuz" "$root/boot/vmlinuz-$release"
}

mkdir -p "$cache"
key=$(cat "$here/debian.sh" - <<<"$edition" | sha256sum | cut -c1-16)
root=$cache/linux-$kernel-$key
exec 9>"$cache/linux-$kernel.lock"
flock 9
if [[ ! -d $root ]]; then
	archives=$(sources)
	echo "unpacking Debian ${suites##* } with its kernel; this takes about a minute, once" >&2
	rm -rf "$cache/linux-$kernel"-*
	mkdir "$root.new"
	make_root "$root.new" "$archives" >&2
	mv "$root.new" "$root"
fi
echo "$root"
