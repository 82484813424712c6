#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# qemu.sh: prints the path of the QEMU for the outer machine. This is the installed one if its
# version is 10 or later: older ones emulate nested SVM more slowly, and with errors. Otherwise it
# is the QEMU of Debian 13, which is unpacked into the cache once and run with its own libraries;
# nothing is installed. If that is not available, it is the installed QEMU, and a message is
# printed.
set -euo pipefail

suite=trixie
wanted=10
binary=qemu-system-x86_64
# shellcheck source=../mirror.sh
. "$(dirname "$(realpath "$0")")/../mirror.sh"

installed_version() {
	"$binary" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p'
}

# Creates a script that runs QEMU with the loader, libraries and firmware of its own Debian.
make_wrapper() {
	local root=$1
	cat >"$root/qemu" <<'END'
#!/bin/sh
root=$(dirname "$0")
exec "$root/usr/lib64/ld-linux-x86-64.so.2" \
	--library-path "$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu/pulseaudio" \
	"$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
END
	chmod +x "$root/qemu"
	"$root/qemu" --version
}

make_root() {
	local root=$1 site=$2
	mmdebstrap --quiet --variant=extract --format=tar --include=qemu-system-x86 \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		"$suite" - - <<<"deb [signed-by=$keyring] $site $suite main" |
		tar -x -C "$root" --exclude='./dev/*' --no-same-owner || return
	make_wrapper "$root"
}

fall_back() {
	echo "$1: using the installed QEMU, $("$binary" --version | head -n 1)" >&2
	command -v "$binary"
	exit
}

installed=$(installed_version)
if ((${installed:-0} >= wanted)); then
	command -v "$binary"
	exit
fi
mkdir -p "$cache"
key=$(sha256sum <"$0" | cut -c1-16)
root=$cache/qemu-$key
exec 9>"$cache/qemu.lock"
flock 9
if [[ ! -d $root ]]; then
	site=$(find_mirror bookworm) || fall_back "Debian 13 can't be found"
	echo "unpacking the QEMU of Debian 13 with mmdebstrap; this takes about a minute, once" >&2
	rm -rf "$cache"/qemu-*/ "$root.new"
	mkdir "$root.new"
	make_root "$root.new" "$site" >&2 || fall_back "Debian 13's QEMU can't be unpacked"
	mv "$root.new" "$root"
fi
echo "$root/qemu"
