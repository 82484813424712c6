#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmbus-image.sh KERNEL-RELEASE INIT OUT: makes an initramfs with the kernel's own
# Hyper-V modules and an init that loads them, and nothing else.
set -euo pipefail

release=${1:?} init=${2:?} out=${3:?}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

mkdir "$stage/dev"
cp "$init" "$stage/init"
cp "/lib/modules/$release/kernel/drivers/hv"/hv_{vmbus,utils}.ko* "$stage/"
for module in "$stage"/*.xz; do
	[[ ! -e $module ]] || xz -d "$module"
done
(cd "$stage" && find . -print0 |
	cpio --null --create --format=newc --quiet --owner=+0:+0) | lz4 -l -q >"$out"
