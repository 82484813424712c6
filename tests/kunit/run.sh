#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD: runs the KUnit suites in an emulated machine; results go to BUILD/results/kunit.tap.
# A suite that did not run, or a word of KASAN, UBSAN, lockdep or kmemleak, is a failure.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
build=${1:?}
stage=$build/kunit
log=$build/results/kunit.log
mkdir -p "$build/results" "$stage/root"/{dev,sys}
tree=$("$here/../kernel/build.sh")

cp -ru "$here/../../driver/." "$stage/driver"
make -C "$tree" -s M="$(realpath "$stage/driver/kunit")" modules
cp "$stage/driver/kunit/hv_logoff_kunit.ko" "$stage/root/"
cp "$build/tests/kunit/init" "$stage/root/init"
(cd "$stage/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$stage/root.cpio"

timeout 600 qemu-system-x86_64 -accel tcg -smp 2 -m 1024 -nographic -no-reboot \
	-kernel "$tree/arch/x86/boot/bzImage" -initrd "$stage/root.cpio" \
	-append "console=ttyS0 printk.time=0 loglevel=7 panic=-1 reboot=t" </dev/null | tr -d '\r' >"$log"

awk -f "$here/results.awk" -v suites="hv_logoff_request hv_logoff_target hv_logoff_session hv_logoff_chardev" "$log" |
	tee "$build/results/kunit.tap"
! grep -q '^not ok' "$build/results/kunit.tap"
