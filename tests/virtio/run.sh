#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD: boots a machine under emulation, whose Debian kernel has KVM and vhost-vsock, and in
# it, by Debian's QEMU, a guest with a virtio socket device. Prints the TAP of that machine, and writes
# it to BUILD/results/e2e-virtio.tap; the guest's console is in BUILD/results/e2e-virtio.log.
set -euo pipefail
# A library's path in the output of ldd, and that of the dynamic linker.
# shellcheck disable=SC2016 # for awk
readonly LIBRARIES='/=> \//{print $3} $1 ~ /^\/lib.*\/ld-/{print $1}'

here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:?}")
kernel=$(basename "$(realpath "$build/kernel-6.12/modules")")
root=${HVHOST_OUTER_ROOT:?}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
host=$stage/host guest=$stage/guest

pack() {
	(cd "$1" && find . -mindepth 1 -print0 |
		cpio --null --create --format=newc --quiet --owner=+0:+0) | lz4 -l -q
}

# The host: programs with their libraries, the modules in the order of their dependencies.
install -d "$host"/{bin,guest,modules,etc}
for program in /bin/busybox /usr/bin/qemu-system-x86_64 "$build/vmlogoff" \
	"$build/tests/guest/vsock-peer"; do
	install -t "$host/bin" "$program"
	for library in $(ldd "$program" 2>/dev/null | awk "$LIBRARIES"); do
		install -D "$library" "$host$library"
	done
done
install -D -t "$host/usr/share/seabios" /usr/share/seabios/bios-256k.bin
install -D -t "$host/usr/share/qemu" /usr/share/qemu/{kvmvapic,linuxboot_dma}.bin
echo 'nobody:x:65534:65534::/:/bin/sh' >"$host/etc/passwd"
count=10
while read -r _ module _; do
	xz -dc "$module" >"$host/modules/$count-$(basename "$module" .xz)"
	count=$((count + 1))
done < <(modprobe -d "$root" -S "$kernel" --show-depends -a kvm_amd vhost_vsock)
install "$here/host" "$host/init"

# The guest: the image of the other tests, and a service that logs users on.
install -D -t "$guest/usr/lib/hv-logoff-test" "$here/guest"
install -D -m 644 "$here/guest.service" "$guest/etc/systemd/system/virtio-guest.service"
install -d "$guest/etc/systemd/system/multi-user.target.wants"
ln -s ../virtio-guest.service "$guest/etc/systemd/system/multi-user.target.wants/"
cp "$root/boot/vmlinuz-$kernel" "$host/guest/vmlinuz"
cat "$build/guest-6.12.img" <(pack "$guest") >"$host/guest/initrd"
cp "$here/../guest/cmdline" "$host/guest/"

pack "$host" >"$stage/host.cpio"
mkdir -p "$build/results"
log=$build/results/e2e-virtio.log tap=$build/results/e2e-virtio.tap
timeout 1800 "${HVHOST_OUTER_QEMU:-qemu-system-x86_64}" -accel tcg -cpu max,+svm -m 4096 -nodefaults \
	-no-user-config -display none -no-reboot -serial stdio -serial "file:$log" \
	-kernel "$root/boot/vmlinuz-$kernel" -initrd "$stage/host.cpio" \
	-append "console=ttyS0 quiet panic=-1" | tr -d '\r' |
	grep --line-buffered -e '^ok ' -e '^not ok ' -e '^#' -e '^1\.\.' | tee "$tap"
grep -q '^1\.\.' "$tap"
! grep -q '^not ok' "$tap"
