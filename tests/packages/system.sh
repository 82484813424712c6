# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Source this file, with the variables release, source and root. It makes a clean Debian
# system of that release, in which packages are built and installed.
#
# The system is made once and kept in the cache, under a name derived from make_system() and from the
# packages' build dependencies. systemd does not run in it: see docs/testing.md.
# shellcheck disable=SC2016 # commands for the shell inside the system

: "${release:?}" "${source:?}" "${root:?}"
# shellcheck source=../mirror.sh
. "$source/tests/mirror.sh"

make_system() {
	local packages=lintian,hyperv-daemons,libpam-systemd,dkms,linux-headers-cloud-amd64
	rm -f "$cache/packages-$release-"*.tar
	mmdebstrap --quiet --variant=buildd --include="$packages" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook="copy-in '$source/debian' /tmp" \
		--customize-hook='chroot "$1" apt-get -y build-dep /tmp' \
		--customize-hook='rm -r "$1/tmp/debian"' \
		--format=tar "$release" "$system.new" - <<<"deb [signed-by=$keyring] $1 $release main" >&2
	mv "$system.new" "$system"
}

# need_system WHAT: makes the system, if it is not in the cache, and sets the variable system to its
# archive. If the mirror does not have the release, WHAT is counted as skipped, and the script ends.
need_system() {
	local dependencies edition='' key site
	dependencies=$(sed -n '/^Build-Depends:/,/^[^ ]/p' "$source/debian/control")
	# sid changes: make it again each week.
	[[ $release != sid ]] || edition=$(date +%G-%V)
	key=$(sha256sum <<<"$(declare -f make_system)$dependencies$edition" | cut -c1-16)
	system=$cache/packages-$release-$key.tar
	mkdir -p "$cache"
	exec 9>"$cache/packages-$release.lock"
	flock 9
	if [[ ! -s $system ]]; then
		site=$(find_mirror bookworm)
		if is_missing "$site" "$release"; then
			skip "$1" "$site does not have it"
			plan
			exit
		fi
		make_system "$site" 9>&-
	fi
	exec 9>&-
}

# unpack_system WHAT: unpacks the system into $root, with the sources in /build/hv-logoff.
unpack_system() {
	need_system "$1"
	mkdir -p "$root"
	tar -x -C "$root" --exclude='./dev/*' -f "$system"
	# A daemon that a package starts would run on this machine.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	copy_source /build/hv-logoff
}

# copy_source FOLDER: copies the files that git knows, as they are, to FOLDER in the system.
copy_source() {
	mkdir -p "$root$1"
	git -C "$source" ls-files -z | (cd "$source" && xargs -0 cp -P --parents -t "$root$1")
}

# inside COMMANDS: runs a shell with them in the system.
inside() {
	"$source/tests/packages/inside.sh" "$root" "$1"
}
