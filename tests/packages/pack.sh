#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# pack.sh ROOT BUILD OUT: packs the Debian system in the directory ROOT as an initramfs, with the
# programs that the tests run in the guest. What only DKMS needs, and the modules of other hardware,
# are left out, since all of it would be in the guest's memory.
set -euo pipefail

root=${1:?} build=$(realpath "${2:?}") out=$(realpath -m "${3:?}")
guest=$(realpath "$(dirname "$0")/../guest")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

install -D -t "$stage/usr/lib/hv-logoff-test" "$build/tests/guest/agent"
install -D -t "$stage/usr/bin" "$build/tests/guest/open-session"
install -D -m 644 "$guest/open-session.pam" "$stage/etc/pam.d/open-session"
install -D -m 644 -t "$stage/etc/systemd/system" "$guest/agent.service"
install -d "$stage"/etc/{modprobe.d,systemd/system/multi-user.target.wants} "$stage/var"
ln -s ../agent.service "$stage/etc/systemd/system/multi-user.target.wants/"
ln -s /usr/lib/systemd/system/multi-user.target "$stage/etc/systemd/system/default.target"
# In an emulated guest on a busy machine, a daemon may take longer than 5 s to restart.
echo 'options hv_logoff reattach_seconds=300' >"$stage/etc/modprobe.d/hv_logoff.conf"
echo guest >"$stage/etc/hostname"
: >"$stage/etc/machine-id"
# The caches of ldconfig and others are as new as the packages.
touch "$stage/etc/.updated" "$stage/var/.updated"

list_root() {
	find . \( -path './dev/*' -o -path './proc/*' -o -path './sys/*' -o -path './run/*' \
		-o -path './tmp/*' -o -path './boot/*' \
		-o -path './repository/*' ! -name 'hv-logoff*' -o -path './usr/src/*' ! -path '*/hv-logoff*' \
		-o -path './usr/lib/gcc' -o -path './usr/libexec/gcc' -o -path './usr/include' \
		-o -path './usr/lib/x86_64-linux-gnu/gconv' -o -path './usr/lib/x86_64-linux-gnu/perl' \
		-o -path './usr/lib/x86_64-linux-gnu/*.a' -o -path './usr/lib/x86_64-linux-gnu/lib*san.so*' \
		-o -path './usr/share/perl' -o -path './usr/share/zoneinfo' -o -path './usr/share/i18n' \
		-o -path './usr/share/doc/*' -o -path './usr/share/locale/*' -o -path './usr/share/man/*' \
		-o -path './usr/bin/x86_64-linux-gnu-*' -o -path './usr/lib/python3*' \
		-o -path './usr/lib/udev/hwdb*' -o -path './var/lib/apt/lists/*' -type f \
		-o -path './var/cache/apt/*' -type f -o -path './var/log/*' -type f \
		-o -path './usr/lib/modules/*/kernel/*' ! -path '*/kernel/drivers' \
		! -path '*/kernel/drivers/hv*' ! -path '*/kernel/drivers/p[pt]*' \
		! -path '*/kernel/net' ! -path '*/kernel/net/vmw_vsock*' \) -prune -o -print0
}

pack() {
	cpio --null --create --format=newc --quiet "$@" | lz4 -l -q
}

mkdir -p "$(dirname "$out")"
{
	(cd "$root" && list_root | pack)
	(cd "$stage" && find . -mindepth 1 -print0 | pack --owner=+0:+0)
} >"$out"
