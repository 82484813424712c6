#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# reproducible.sh BUILD: builds the Debian packages twice in a clean Debian 12, with another folder,
# date, time zone, locale, umask, user name and number of jobs, and compares them byte by byte. Writes
# TAP to standard output and to BUILD/results/reproducible.tap.
# shellcheck disable=SC2016 # commands for the shell inside the system
set -euo pipefail

if ((EUID != 0)); then
	echo "reproducible.sh: a clean system needs root: run 'sudo make reproducible'" >&2
	exit 1
fi
build=$(realpath "${1:?}")
release=bookworm
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

mkdir -p "$build/results"
exec > >(tee "$build/results/reproducible.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"
# shellcheck source=system.sh
. "$here/system.sh"

# What only the second build needs is not part of the system: unpacked, not installed.
add_locale_and_date() {
	(cd "$work" && apt-get download -qq locales libfaketime) || return
	for package in "$work"/*.deb; do
		dpkg-deb -x "$package" "$root" || return
	done
	inside 'localedef -i tr_TR -f UTF-8 tr_TR.UTF-8'
}

first() {
	inside 'umask 022; cd /build/hv-logoff
		DEB_BUILD_OPTIONS="nocheck parallel=1" dpkg-buildpackage -us -uc -b'
}

# In Turkish, i and I are not the same letter. make must not see times of the future.
second() {
	inside 'umask 077; cd /srv/another/folder/source; chmod -R go= .
		export TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 USER=other HOME=/nonexistent
		export FAKETIME=+400d NO_FAKE_STAT=1 LD_PRELOAD=libfaketime.so.1
		export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/faketime
		date
		DEB_BUILD_OPTIONS="nocheck parallel=2" dpkg-buildpackage -us -uc -b'
}

# The .buildinfo has the date of the build.
same() {
	local first other count=0 failed=0
	for first in "$root"/build/*.deb; do
		other=$root/srv/another/folder/${first##*/}
		cmp "$first" "$other" || { failed=1; diff <(dpkg-deb -c "$first") <(dpkg-deb -c "$other"); }
		count=$((count + 1))
	done
	((count >= 5 && failed == 0))
}

unpack_system 'the packages twice'
copy_source /srv/another/folder/source
find "$root/srv" -exec touch -d 2001-02-03 {} +
check 'a locale and another date for the second build' add_locale_and_date
check 'the first build' first
check 'the second build' second
check 'both have made the same bytes' same
plan
