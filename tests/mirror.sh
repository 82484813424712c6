# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Source this file. It finds the Debian mirrors that this machine uses, from which scripts unpack
# other releases into the cache.

# shellcheck disable=SC2034 # the scripts use them
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff
# shellcheck disable=SC2034
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# find_mirror CODENAME: prints the URL of the mirror of CODENAME, such as bookworm or
# bookworm-security. Fails if apt has no index of it.
find_mirror() {
	local site
	# shellcheck disable=SC2016 # apt expands this
	site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' \
		"Codename: $1" 'Component: main' | sed -n '1s|/*$||p')
	if [[ -z $site ]]; then
		echo "apt has no index of a Debian $1 archive: run 'sudo apt-get update'" >&2
		return 1
	fi
	echo "$site"
}

# is_missing SITE SUITE: whether the mirror reports that it does not have the suite. Without a
# network, this is unknown.
is_missing() {
	local folder missing=1
	folder=$(mktemp -d)
	! /usr/lib/apt/apt-helper download-file "$1/dists/$2/Release" "$folder/Release" \
		>"$folder/log" 2>&1 && grep -q ' 404 ' "$folder/log" && missing=0
	rm -rf "$folder"
	return $missing
}
