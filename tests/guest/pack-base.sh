#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# pack-base.sh ROOT FILE: adds the users to a new Debian system, removes what no test needs or would
# slow down the boot, and packs the rest.
set -euo pipefail

root=${1:?} file=${2:?}
units=/usr/lib/systemd/system

for user in alice bob carol; do
	chroot "$root" useradd --create-home --shell /bin/bash "$user"
done
echo guest >"$root/etc/hostname"
touch "$root/etc/default/locale"
echo '127.0.0.1 localhost guest' >"$root/etc/hosts"
# login(1) times out after a minute, which may be too short on a busy machine.
sed -i 's/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 0/' "$root/etc/login.defs"
: >"$root/etc/machine-id"
ln -sfn $units/multi-user.target "$root/etc/systemd/system/default.target"

rm -rf "${root:?}"/usr/share/{doc,man,info,locale,zoneinfo,i18n,bash-completion,bug,lintian,perl*} \
	"${root:?}"/usr/lib/x86_64-linux-gnu/{gconv,perl*} "${root:?}"/usr/lib/{apt,dpkg} \
	"${root:?}"/usr/bin/{perl*,apt*,dpkg*} "${root:?}"/usr/lib/udev/hwdb* \
	"${root:?}"/usr/lib/systemd/{system,user,user-environment}-generators/* \
	"${root:?}"/usr/lib/x86_64-linux-gnu/lib{perl,apt-pkg,apt-private}.so.* \
	"${root:?}"/usr/lib/systemd/systemd-{networkd,resolved} \
	"${root:?}"/var/{cache,log,lib/apt,lib/dpkg}/* "${root:?}"/boot/*

# It came with apt; tmux needs it, too.
[[ -e $root/usr/bin/tmux ]] || rm "$root"/usr/lib/x86_64-linux-gnu/libstdc++.so.*

# Cases start what they need.
rm -f "$root"/etc/systemd/system/{multi-user,sshd}.target.wants/{ssh,sshd,cron}.service \
	"$root"/etc/systemd/system/{sockets,ssh}.target.wants/*ssh*

# The guest has no disks, sound, input devices or network cards, so it needs no rules for them.
find "$root/usr/lib/udev/rules.d" -type f ! -name '5*' ! -name '71-seat*' ! -name '73-seat*' \
	! -name '80-drivers*' ! -name '99-systemd*' ! -name '*hyperv*' ! -name '*hv*' -delete

# The root file system is in memory: there is nothing to remount, flush, create or wait for.
for unit in getty.target serial-getty@.service timers.target kmod-static-nodes.service \
	ldconfig.service e2scrub_reap.service modprobe@.service systemd-repart.service \
	proc-sys-fs-binfmt_misc.automount systemd-{binfmt,firstboot,hwdb-update,journal-catalog-update}.service \
	systemd-{machine-id-commit,modules-load,pcrphase,pcrphase-sysinit,pstore}.service \
	systemd-{random-seed,remount-fs,sysctl,sysusers,tmpfiles-setup,tmpfiles-setup-dev}.service \
	systemd-{update-done,update-utmp,update-utmp-runlevel,user-sessions}.service \
	systemd-{boot-system-token,network-generator,journal-flush}.service \
	systemd-ask-password-{wall,console}.path dev-{hugepages,mqueue}.mount \
	sys-{kernel-debug,kernel-tracing,kernel-config,fs-fuse-connections}.mount \
	{tmp,run-lock}.mount systemd-{hibernate-clear,pcrmachine,tmpfiles-setup-dev-early}.service \
	systemd-{tpm2-setup,tpm2-setup-early}.service; do
	ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done

# A process that ends while its directory in /proc is listed would be an error.
cd "$root"
find . \( -path ./dev -o -path ./proc -o -path ./sys \) -prune -print0 -o -print0 |
	cpio --null --create --format=newc --quiet | lz4 -l -9 -q >"$file"
chmod 644 "$file"
