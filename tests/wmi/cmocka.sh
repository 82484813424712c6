#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cmocka.sh: prints the path of the unpacked sources of cmocka, for which Debian has no package for
# Windows. They are Debian's, of the release that is installed, and are downloaded into the cache
# once.
set -euo pipefail

# shellcheck source=../mirror.sh
. "$(dirname "$(realpath "$0")")/../mirror.sh"
version=$(dpkg-query -W -f '${Version}' libcmocka-dev)
sources=$cache/cmocka-$version

# apt with its own list of sources, so that the machine's remains as it is.
apt() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::State::Lists="$work/lists" -o Dir::Cache::SrcPkgCache= -o Dir::Cache::PkgCache= \
		-o APT::Sandbox::User=root "$@" >&2
}

download() {
	local site
	site=$(find_mirror bookworm)
	mkdir -p "$work/lists/partial"
	echo "deb-src $site bookworm main" >"$work/sources.list"
	apt update
	(cd "$work" && apt source --download-only "cmocka=$version")
	mkdir "$work/cmocka"
	tar -x -C "$work/cmocka" --strip-components=1 -f "$work"/cmocka_*.orig.tar.*z
	rm -rf "$sources"
	mv "$work/cmocka" "$sources"
}

mkdir -p "$cache"
exec 9>"$cache/cmocka.lock"
flock 9
if [[ ! -d $sources ]]; then
	work=$(mktemp -d "$cache/cmocka.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	download
fi
echo "$sources"
