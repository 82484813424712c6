#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# inside.sh ROOT SCRIPT: runs a shell script in the Debian system in the directory ROOT, without a
# network. The mounts are private to the script, and end with it.
# shellcheck disable=SC2016 # commands for the other shells
set -euo pipefail

root=$(realpath "${1:?}") script=${2:?}

exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
	unshare --mount --net sh -euc '
	root=$1
	mount --rbind "$root" "$root" # so that / is a mount point
	mount --rbind /dev "$root/dev"
	mount --rbind /proc "$root/proc"
	mount -t tmpfs tmpfs "$root/tmp"
	exec /usr/sbin/chroot "$root" sh -euxc "$2"
' sh "$root" "$script"
