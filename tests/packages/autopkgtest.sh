#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# autopkgtest.sh BUILD: runs the tests in debian/tests, and the one for DKMS packages, with the
# packages that make packages has built for Debian 12, each in a clean system in a user namespace.
# Writes TAP to standard output and to BUILD/results/autopkgtest.tap.
set -euo pipefail

if ((EUID != 0)); then
	echo "autopkgtest.sh: a clean system needs root: run 'sudo make autopkgtest'" >&2
	exit 1
fi
if ! command -v autopkgtest >/dev/null || ! command -v autodep8 >/dev/null; then
	echo "autopkgtest.sh: autopkgtest is missing: run 'sudo make deps-packages'" >&2
	exit 1
fi
build=$(realpath "${1:?}")
# shellcheck disable=SC2034 # system.sh uses it
release=bookworm
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
debs=("$build/packages-bookworm"/*.deb)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
if [[ ! -e ${debs[0]} ]]; then
	echo "autopkgtest.sh: there are no packages: run 'sudo make packages'" >&2
	exit 1
fi

mkdir -p "$build/results"
exec > >(tee "$build/results/autopkgtest.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"
# shellcheck source=system.sh
. "$here/system.sh"

# Root has no subordinate IDs of its own for the user namespace. These are for this command only.
# The exit status is not 0 if any test fails; the results of each are in the summary.
run_tests() {
	rm -rf "$build/autopkgtest"
	echo 'root:200000:65536' >"$work/ids"
	# shellcheck disable=SC2016 # the inner shell expands these
	unshare --mount sh -euc '
		mount --bind "$1" /etc/subuid
		mount --bind "$1" /etc/subgid
		shift
		exec "$@"
	' sh "$work/ids" autopkgtest --output-dir="$build/autopkgtest" --setup-commands='apt-get update' \
		--no-built-binaries "${debs[@]}" "$work/source/" -- unshare --tarball "$system" --unpack-dir "$root" || true
	cat "$build/autopkgtest/summary"
}

passed() {
	grep -E "^$1 +PASS" "$build/autopkgtest/summary"
}

need_system 'autopkgtest'
mkdir "$work/source"
git -C "$source" ls-files -z | (cd "$source" && xargs -0 cp -P --parents -t "$work/source")
chmod 755 "$work"
check 'autopkgtest runs' run_tests
for test in programs library dkms-autopkgtest; do
	check "autopkgtest: $test" passed "$test"
done
plan
