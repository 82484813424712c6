#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kbuild.sh KERNEL FOLDER ARGUMENTS…: runs make for the modules in FOLDER against a kernel, which
# is a BUILD/kernel-K. One that is in a Debian of its own is built for with that Debian's tools.
set -euo pipefail

kernel=$(realpath "${1:?}") folder=$(realpath "${2:?}")
shift 2
# Variables that our own make was given are not for the kernel's.
unset MAKEFLAGS MFLAGS

[[ -e $kernel/root ]] || exec make -C "$kernel/build" M="$folder" "$@"

# The mounts are seen by this command alone, and go with it. Nobody need be root for them.
# shellcheck disable=SC2016 # the inner shell expands these
exec unshare --map-root-user --mount sh -euc '
	root=$1 folder=$2
	shift 2
	mount --rbind /dev "$root/dev"
	mount --rbind /proc "$root/proc"
	mount --bind "$folder" "$root/driver"
	exec /usr/sbin/chroot "$root" "$@"
' sh "$(realpath "$kernel/root")" "$folder" \
	make -C "/lib/modules/$(basename "$(realpath "$kernel/modules")")/build" M=/driver "$@"
