#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# source.sh NAME: prints the path of the unpacked sources of a library (cmocka, jansson) for which
# Debian has no package for Windows. They are Debian's, of the release of libNAME-dev that is
# installed, and are downloaded into the cache once.
set -euo pipefail

# shellcheck source=../mirror.sh
. "$(dirname "$(realpath "$0")")/../mirror.sh"
name=${1:?}
# shellcheck disable=SC2016 # dpkg-query expands this
version=$(dpkg-query -W -f '${source:Version}' "lib$name-dev")
sources=$cache/$name-$version

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
	(cd "$work" && apt source --download-only "$name=$version")
	mkdir "$work/$name"
	tar -x -C "$work/$name" --strip-components=1 -f "$work/$name"_*.orig.tar.*z
	rm -rf "$sources"
	mv "$work/$name" "$sources"
}

mkdir -p "$cache"
exec 9>"$cache/$name.lock"
flock 9
if [[ ! -d $sources ]]; then
	work=$(mktemp -d "$cache/$name.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	download
fi
echo "$sources"
