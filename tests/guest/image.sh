#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# image.sh MODULES MODULE BUILD OUT [RELEASE]: builds the initramfs that is the guest's root file
# system: the base image of the Debian RELEASE, plus the kernel's own Hyper-V modules, hv_logoff.ko,
# the daemon, hv-logoffctl, and the programs that the tests run in the guest.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
source=$(realpath "${1:?}") module=${2:?} build=${3:?} out=${4:?}
release=$(basename "$source")
modules=usr/lib/modules/$release
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

install -d "$stage/$modules"/{kernel/drivers/hv,updates} "$stage"/etc/pam.d \
	"$stage"/etc/systemd/system/{multi-user,sysinit}.target.wants
cp "$source/modules".{order,builtin,builtin.modinfo} "$stage/$modules/"
# In some kernels, all of them except hv_utils are built in. The sanitizer kernel has no hv_sock.
find "$source/kernel" -regex '.*/\(pps_core\|ptp\|hv_vmbus\|hv_utils\|hv_sock\|vsock\|vsock_loopback\|vmw_vsock_virtio_transport\(_common\)?\|nfit\|libnvdimm\|nd_[a-z0-9]*\)\.ko\(\.xz\)?' \
	-exec cp -t "$stage/$modules/kernel/drivers/hv" {} +
cp "$module" "$stage/$modules/updates/"
# Only machines with persistent memory load it, by name.
install -d "$stage/etc/modprobe.d"
echo 'blacklist nfit' >"$stage/etc/modprobe.d/persistent.conf"
# In an emulated guest on a busy machine, a daemon may take longer than 5 s to restart.
echo 'options hv_logoff reattach_seconds=300' >"$stage/etc/modprobe.d/hv_logoff.conf"

"${MAKE:-make}" --no-print-directory BUILD="$build" install-guest DESTDIR="$stage" PREFIX=/usr
install -D -t "$stage/usr/lib/hv-logoff-test" "$build/tests/guest/agent"
install -t "$stage/usr/lib/hv-logoff-test" "$here/persistent"
install -m 644 "$here/persistent.service" "$stage/etc/systemd/system/"
ln -s ../persistent.service "$stage/etc/systemd/system/sysinit.target.wants/"
install -D -t "$stage/usr/bin" "$build"/tests/guest/{open-session,fail-nth,hold-lock,vsock-peer}
install -m 644 "$here/agent.service" "$stage/etc/systemd/system/"
ln -s ../agent.service "$stage/etc/systemd/system/multi-user.target.wants/"
install -m 644 "$here/open-session.pam" "$stage/etc/pam.d/open-session"

# In the base image, /lib is a symbolic link to /usr/lib, which a directory here would replace.
if [[ -d $stage/lib ]]; then
	cp -a "$stage/lib/." "$stage/usr/lib/"
	rm -r "${stage:?}/lib"
fi
depmod -b "$stage/usr" "$release"

base=$("$here/base.sh" "${5:-bookworm}")
(cd "$stage" && find . -mindepth 1 -print0 |
	cpio --null --create --format=newc --quiet --owner=+0:+0) | lz4 -l -q >"$stage.lz4"
cat "$base" "$stage.lz4" >"$out"
rm "$stage.lz4"
