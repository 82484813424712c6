#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD: runs the KUnit suites in a guest of hvhost that is not offered the component. Results
# go to BUILD/results/kunit.tap. A suite that did not run is a failure, and so is any report of
# KASAN, UBSAN, lockdep or kmemleak.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
build=${1:?}
stage=$build/kunit
log=$build/results/kunit.log
mkdir -p "$build/results" "$stage/root"/{dev,sys}
HVHOST_DIR=$(mktemp -d)
export HVHOST_DIR
trap '"$build/hvhost" stop kunit 2>/dev/null || :; rm -rf "$HVHOST_DIR"' EXIT

cp "$build/driver-sanitizer/driver/hv_logoff.ko" "$stage/root/"
cp "$build/tests/kunit/init" "$stage/root/init"
(cd "$stage/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$stage/root.cpio"

"$build/hvhost" start kunit --kernel "$build/kernel-sanitizer/vmlinuz" --initrd "$stage/root.cpio" \
	--append "kunit.enable=1 printk.time=0 loglevel=7 panic=-1" --cpus 2 --memory 1024 \
	--no-offer logoff >/dev/null
timeout 900 "$build/hvhost" console kunit --follow </dev/null | tr -d '\r' >"$log"

awk -f "$here/results.awk" -v suites="hv_logoff_request hv_logoff_target hv_logoff_session hv_logoff_chardev hv_logoff_ring hv_logoff_vectors" "$log" |
	tee "$build/results/kunit.tap"
! grep -q '^not ok' "$build/results/kunit.tap"
