#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# base.sh [RELEASE]: prints the path of the guest's base image, a compressed cpio archive: a minimal
# Debian with systemd, logind, udev and D-Bus. RELEASE is bookworm, the default, bullseye, or a later
# one; trixie's also has the programs that real sessions come from. The image is built once; its name
# in the cache contains a hash of this script and of pack-base.sh, and for sid the week. The exit
# status is 77 if the mirror reports that it does not have the release.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
packages=systemd,systemd-sysv,libpam-systemd,dbus,udev,kmod,login,passwd,util-linux,procps,hyperv-daemons
packages+=,libjansson4,socat
release=${1:-bookworm}
hooks=() suites=('' -security -updates) edition=
case $release in
# Its systemd is in /lib without the hook. Its support has ended: files of the updates are missing.
bullseye)
	hooks=(--setup-hook=/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh)
	suites=('')
	;;
# tmux asks the user's bus for a scope of its own.
trixie) packages+=,openssh-server,tmux,cron,systemd-container,dbus-user-session ;;
sid) suites=('') edition=$(date +%G-%V) ;;
esac
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"

# The sources.list lines. Not each machine uses the updates.
sources() {
	local suffix site
	for suffix in "${suites[@]}"; do
		site=$(find_mirror "bookworm$suffix" 2>/dev/null) || continue
		echo "deb [signed-by=$keyring] $site $release$suffix main"
	done
}

make_base() {
	local archives=$1 base=$2 work
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # expand now, as work is local
	trap "rm -rf '$work'" EXIT
	# Without root, the hook runs as another user, which has to be able to write the file.
	chmod 711 "$work"
	: >"$work/base"
	chmod 666 "$work/base"
	mmdebstrap --quiet --variant=minbase --include="$packages" "${hooks[@]}" --format=null \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--customize-hook="$here/pack-base.sh \"\$1\" $work/base" \
		"$release" - - <<<"$archives" >&2
	mv "$work/base" "$base.new"
	mv "$base.new" "$base"
}

mkdir -p "$cache"
key=$(cat "$here/base.sh" "$here/pack-base.sh" - <<<"$edition" | sha256sum | cut -c1-16)
base=$cache/guest-$release-$key.cpio.lz4
exec 9>"$cache/guest-$release.lock"
flock 9
if [[ ! -s $base ]]; then
	site=$(find_mirror bookworm)
	if is_missing "$site" "$release"; then
		echo "the mirror does not have Debian $release" >&2
		exit 77
	fi
	echo "building the base image of a $release guest with mmdebstrap; this takes about a minute, once" >&2
	make_base "$(sources)" "$base" 9>&-
fi
echo "$base"
