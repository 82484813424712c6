#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmbus-image.sh MODULES INIT OUT: builds an initramfs with only the kernel's own Hyper-V modules and
# an init that loads them.
set -euo pipefail

modules=${1:?} init=${2:?} out=${3:?}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

mkdir "$stage/dev"
cp "$init" "$stage/init"
# In some kernels, all of them except hv_utils are built in.
find "$modules/kernel/drivers" -regex '.*/\(pps_core\|ptp\|hv_vmbus\|hv_utils\)\.ko\(\.xz\)?' \
	-exec cp -t "$stage" {} +
for module in "$stage"/*.xz; do
	[[ ! -e $module ]] || xz -d "$module"
done
(cd "$stage" && find . -print0 |
	cpio --null --create --format=newc --quiet --owner=+0:+0) | lz4 -l -q >"$out"
