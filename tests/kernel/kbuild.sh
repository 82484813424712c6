#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kbuild.sh KERNEL DIRECTORY ARGUMENT…: runs make for the modules in DIRECTORY against KERNEL, which
# is a BUILD/kernel-K. If the kernel has a Debian system of its own, the tools of that system are
# used. HYPERV_H=FILE: use FILE instead of that system's linux/hyperv.h.
set -euo pipefail

kernel=$(realpath "${1:?}") folder=$(realpath "${2:?}")
shift 2
# Do not pass the variables of our make on to the kernel's.
unset MAKEFLAGS MFLAGS

[[ -e $kernel/root ]] || exec make -C "$kernel/build" M="$folder" "$@"

# The mounts are private to this command, and end with it. This does not require root.
# shellcheck disable=SC2016 # the inner shell expands these
exec unshare --map-root-user --mount sh -euc '
	root=$1 folder=$2
	shift 2
	mount --rbind /dev "$root/dev"
	mount --rbind /proc "$root/proc"
	mount --bind "$folder" "$root/driver"
	[ -z "${HYPERV_H-}" ] || mount --bind "$HYPERV_H" \
		"$root"/usr/src/linux-headers-*-common/include/linux/hyperv.h
	exec /usr/sbin/chroot "$root" "$@"
' sh "$(realpath "$kernel/root")" "$folder" \
	make -C "/lib/modules/$(basename "$(realpath "$kernel/modules")")/build" M=/driver "$@"
