#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# userspace.sh BUILD: builds user space on Debian 11 and runs the unit tests there. Writes TAP to
# standard output and BUILD/results/userspace.tap.
set -euo pipefail

build=${1:?}
here=$(dirname "$(realpath "$0")")
programs=(/build/{hv-logoffd,hv-logoffctl,vmlogoff,libvmguestos.so,libvmguestos.a})
objects=$build/userspace-bullseye

mkdir -p "$build/results"
exec > >(tee "$build/results/userspace.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

names=('Debian 11: user space builds' 'Debian 11: unit tests build and pass')
rm -rf "$objects"
status=0
"$here/bullseye.sh" "$objects" "${programs[@]}" >"$build/results/userspace.log" 2>&1 || status=$?
if ((status == 77)); then
	for name in "${names[@]}"; do
		skip "$name" "the mirror no longer has bullseye"
	done
	plan
	exit
fi

compiled() {
	cat "$build/results/userspace.log"
	return $status
}

check "${names[0]}" compiled
check "${names[1]}" "$here/bullseye.sh" "$objects" unit
plan
