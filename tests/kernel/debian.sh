#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# debian.sh SERIES: prints the folder of a Debian that has the newest cloud kernel of that series,
# its headers, and the compiler and sparse of its time. Made once, and kept in the cache under a
# name that follows from what it is made of. Nothing in it is installed, only unpacked.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
series=${1:?}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff

# The kernel is that of the last suite. bullseye's own sparse takes a struct that is packed and
# aligned for a longer one, so all but the kernel and its compiler are bookworm's.
case $series in
5.10) suites='bookworm bullseye bullseye-security' ;;
7.2) suites=sid ;;
*) echo "no Debian is known to have Linux $series: see tests/matrix/debian.sh" >&2; exit 1 ;;
esac

# The mirrors that this machine itself uses.
sources() {
	local suite archive site
	for suite in $suites; do
		archive=bookworm
		[[ $suite != *-security ]] || archive=bookworm-security
		# shellcheck disable=SC2016 # apt expands this
		site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' \
			"Codename: $archive" 'Component: main' | head -n 1)
		[[ -n $site ]] || return
		echo "deb [signed-by=$keyring] $site $suite main"
	done
}

# The package that Debian's linux-NAME-cloud-amd64 stands for, in apt's terms.
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
	# Debian's headers of 7.2 have forgotten the script that asks whether sparse is good enough.
	common=("$root"/usr/src/linux-headers-*-common)
	if [[ ! -e ${common[0]}/scripts/checker-valid.sh ]]; then
		printf '#!/bin/sh\necho 1\n' >"${common[0]}/scripts/checker-valid.sh"
		chmod +x "${common[0]}/scripts/checker-valid.sh"
	fi
	release=$(cd "$root/lib/modules" && ls -d "$series".*-cloud-amd64) || {
		echo "Debian ${suites##* } has no Linux $series any more: change the Makefile and $0" >&2
		return 1
	}
	[[ -e $root/boot/vmlinuz-$release ]] ||
		ln -s "../lib/modules/$release/vmlinuz" "$root/boot/vmlinuz-$release"
}

mkdir -p "$cache"
key=$(sha256sum <"$here/debian.sh" | cut -c1-16)
root=$cache/linux-$series-$key
exec 9>"$cache/linux-$series.lock"
flock 9
if [[ ! -d $root ]]; then
	archives=$(sources)
	if [[ -z $archives ]]; then
		echo "apt knows no Debian bookworm archive: run 'sudo apt-get update' first" >&2
		exit 1
	fi
	echo "unpacking a Debian ${suites##* } for Linux $series with mmdebstrap, once, about a minute" >&2
	rm -rf "$cache/linux-$series"-*
	mkdir "$root.new"
	make_root "$root.new" "$archives" >&2
	mv "$root.new" "$root"
fi
echo "$root"
