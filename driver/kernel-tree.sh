#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kernel-tree.sh [--sync] TREE: puts the driver, its KUnit suites, its UAPI header and its
# documentation into the kernel source tree TREE, as commits of a patch series that is signed off by
# the caller's git identity, and writes the series to TREE/patches-hv-logoff.
# --sync: without git. Files that have not changed keep their times.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
sync=
[[ ${1-} != --sync ]] || { sync=1; shift; }
[[ $# == 1 ]] || { echo "usage: kernel-tree.sh [--sync] TREE" >&2; exit 2; }
tree=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "kernel-tree: $*" >&2
	exit 1
}

# The files that the series changes; it adds all others.
changed=(MAINTAINERS Documentation/virt/hyperv/index.rst drivers/hv/Kconfig drivers/hv/Makefile
	drivers/hv/channel_mgmt.c include/linux/hyperv.h)

# The files of the next commit.
touched=()

# replace FILE FROM: copies FROM to FILE in the tree, unless they are equal.
replace() {
	touched+=("$1")
	cmp -s "$2" "$tree/$1" || cp "$2" "$tree/$1"
}

# change FILE COMMAND…: filters the original of FILE, which is kept, through the command.
change() {
	local file=$1 original=$work/$1
	[[ -z $sync ]] || original=$tree/$file.orig
	shift
	mkdir -p "$(dirname "$original")"
	[[ -e $original ]] || cp "$tree/$file" "$original"
	"$@" <"$original" >"$work/changed"
	! cmp -s "$original" "$work/changed" || fail "can't change $file: its contents are unexpected"
	replace "$file" "$work/changed"
}

# add FILE FROM SED-SCRIPT…: a new file, after the script's changes.
add() {
	local file=$1 from=$here/$2
	shift 2
	mkdir -p "$(dirname "$tree/$file")"
	sed -e '' "$@" "$from" >"$work/added"
	replace "$file" "$work/added"
}

# Commits the touched files, with the message on standard input.
commit() {
	git -C "$tree" add -f "${touched[@]}"
	git -C "$tree" commit --quiet --signoff --file -
	touched=()
}

# maintain PATTERN…: the driver's section in MAINTAINERS, which names these files.
maintain() {
	{
		echo 'HYPER-V GUEST USER LOGOFF DRIVER'
		printf 'M:\t%s\nL:\tlinux-hyperv@vger.kernel.org\nS:\tMaintained\n' "$identity"
		printf 'F:\t%s\n' "$@"
		echo
	} >"$work/section"
	# shellcheck disable=SC2016 # awk expands $0
	change MAINTAINERS awk -v section="$work/section" '
		/^Hyper-V\/Azure CORE AND DRIVERS/ { while ((getline line < section) > 0) print line }
		{ print }'
}

device_type() {
	cat >"$work/guid" <<'END'

/*
 * Guest user logoff GUID
 * {99fea0db-4880-499a-b6d8-73dff9bc91be}
 */
#define HV_LOGOFF_GUID \
	.guid = GUID_INIT(0x99fea0db, 0x4880, 0x499a, 0xb6, 0xd8, \
			  0x73, 0xdf, 0xf9, 0xbc, 0x91, 0xbe)
END
	cat >"$work/device" <<'END'

	/* Guest user logoff */
	{ .dev_type = HV_LOGOFF,
	  HV_LOGOFF_GUID,
	  .perf_device = false,
	  .allowed_in_isolated = false,
	},
END
	change include/linux/hyperv.h sed -e 's/^\tHV_UNKNOWN,$/\tHV_LOGOFF,\n&/' \
		-e "/^#define HV_DM_GUID/{n;n;r $work/guid" -e '}'
	change drivers/hv/channel_mgmt.c \
		sed -e "/\.dev_type = HV_DM,/,/^\t},/{/^\t},/r $work/device" -e '}'
}

# driver SED-ARGUMENT…: adds the driver; the arguments change its Kconfig and its Makefile.
driver() {
	local file
	for file in "$here"/*.[ch]; do
		file=${file##*/}
		[[ $file == compat.h ]] || add "drivers/hv/logoff/$file" "$file"
	done
	add include/uapi/linux/hv_logoff.h uapi/linux/hv_logoff.h
	add drivers/hv/logoff/Kconfig Kconfig -e "s/HYPERV_VMBUS/$vmbus/" "$@"
	add drivers/hv/logoff/Makefile Kbuild "$@"
	change drivers/hv/Kconfig sed 's|^endmenu|source "drivers/hv/logoff/Kconfig"\n\n&|'
	# shellcheck disable=SC2016 # these are make's and sed's
	change drivers/hv/Makefile sed 's|^obj-$(CONFIG_HYPERV_BALLOON).*|&\nobj-$(CONFIG_HYPERV_LOGOFF)\t+= logoff/|'
}

suites() {
	local file
	for file in "$here"/kunit/*.[ch]; do
		add "drivers/hv/logoff/kunit/${file##*/}" "kunit/${file##*/}"
	done
}

documentation() {
	add Documentation/virt/hyperv/logoff.rst Documentation/virt/hyperv/logoff.rst
	add Documentation/ABI/testing/dev-vmbus-hv_logoff \
		Documentation/ABI/testing/dev-vmbus-hv_logoff -e 1d
	# shellcheck disable=SC2016
	change Documentation/virt/hyperv/index.rst sed '$a\   logoff'
}

series() {
	local base
	identity=$(git -C "$tree" var GIT_COMMITTER_IDENT 2>/dev/null | sed 's/ [0-9]* [-+0-9]*$//')
	[[ -n $identity ]] || fail "git has no identity: set user.name and user.email"
	[[ ! -e $tree/drivers/hv/logoff ]] || fail "$tree already contains the driver"
	if [[ $(git -C "$tree" rev-parse --show-toplevel 2>/dev/null) != "$tree" ]]; then
		git -C "$tree" init --quiet
		git -C "$tree" add -f "${changed[@]}"
		git -C "$tree" commit --quiet -m 'Import the files that the series changes'
	fi
	base=$(git -C "$tree" rev-parse HEAD)

	device_type
	commit <<'END'
Drivers: hv: vmbus: Add the device type of the logoff component

The logoff component lets the host log off the users of a guest. Define
its class GUID, so that a driver can bind to it, and vmbus does not
report an unknown GUID. It is not a performance device. It is not
allowed in isolated VMs until its driver has been reviewed for that.
END
	driver -e '/^$/N' -e '/KUNIT/Q'
	maintain 'drivers/hv/logoff/*' include/uapi/linux/hv_logoff.h
	commit <<'END'
Drivers: hv: Add a driver for the logoff component

The driver passes the logoff requests of the host to a daemon, which
has /dev/vmbus/hv_logoff open, and returns the daemon's progress and
result. It handles one request at a time, and completes each exactly
once, with an error if the daemon exits, hangs or is too late.

hv_utils' transport does not fit: it passes on one message and returns
one answer to it. A logoff request has progress, cancellation, a
deadline, and redelivery to the next daemon.

Neither side is trusted: packets are copied out of the ring before they
are checked, and records of the daemon before they are used.
END
	suites
	driver
	maintain 'drivers/hv/logoff/*' drivers/hv/logoff/kunit/ include/uapi/linux/hv_logoff.h
	commit <<'END'
Drivers: hv: logoff: Add KUnit suites

The suites emulate the host and the daemon, and cover everything except
opening and closing the channel: negotiation, the states of a request,
the records that the device accepts, malformed messages, and a ring that
the host changes while it is read. They need no offer.
END
	documentation
	maintain Documentation/ABI/testing/dev-vmbus-hv_logoff \
		Documentation/virt/hyperv/logoff.rst 'drivers/hv/logoff/*' \
		drivers/hv/logoff/kunit/ include/uapi/linux/hv_logoff.h
	commit <<'END'
Documentation: hyperv: Describe the logoff driver

Describe the component, its messages and the character device.
END
	rm -rf "$tree/patches-hv-logoff"
	git -C "$tree" format-patch --quiet --cover-letter -o patches-hv-logoff "$base"
	cover_letter "$tree/patches-hv-logoff/0000-cover-letter.patch"
	ls "$tree/patches-hv-logoff"
}

cover_letter() {
	sed -i -e "s/\*\*\* SUBJECT HERE \*\*\*/$(sed -n 2p "$here/cover-letter")/" \
		-e '/\*\*\* BLURB HERE \*\*\*/{s/.*//;r '<(sed 1,3d "$here/cover-letter") -e '}' "$1"
}

[[ -f $tree/Documentation/virt/hyperv/index.rst ]] ||
	fail "$tree is not the source tree of a kernel since 6.5"
# Kernels before 6.18 name the symbol HYPERV.
vmbus=HYPERV_VMBUS
grep -q '^config HYPERV_VMBUS' "$tree/drivers/hv/Kconfig" || vmbus=HYPERV

if [[ -n $sync ]]; then
	device_type
	driver
	suites
	documentation
else
	series
fi
