#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# series.sh DIRECTORY: creates the driver's patch series for the kernel of linux-source-6.12 in
# DIRECTORY, and passes if checkpatch.pl --strict reports nothing.
set -euo pipefail

folder=${1:?}
here=$(dirname "$(realpath "$0")")
source=linux-source-6.12
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=Test GIT_AUTHOR_EMAIL=test@example.org
export GIT_COMMITTER_NAME=Test GIT_COMMITTER_EMAIL=test@example.org

rm -rf "$folder"
mkdir -p "$folder"
tar -C "$folder" --strip-components=1 -xf /usr/src/$source.tar.xz \
	$source/{MAINTAINERS,drivers/hv,include/linux/hyperv.h,Documentation/virt/hyperv}
"$here/../../driver/kernel-tree.sh" "$folder"
"$here/../check/checkpatch.sh" "$folder"/patches-hv-logoff/000[1-9]-*
