#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD PROGRAM…: runs test programs for Windows under Wine, and writes their TAP to standard
# output and BUILD/results.
set -euo pipefail

build=$(realpath "${1:?}")
shift
mkdir -p "$build/results"
rm -f "$build/results/windows.log"
exec > >(tee "$build/results/windows.tap")
# shellcheck source=../tap.sh
. tests/tap.sh
export WINEPREFIX=$build/windows/prefix WINEDEBUG=-all CMOCKA_MESSAGE_OUTPUT=TAP
# Neither .NET, nor a browser, nor entries in the menu of a desktop.
export WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=
unset DISPLAY

wine() {
	timeout -k 5 600 /usr/lib/wine/wine64 "$@" </dev/null
}

release=$(sed -n 's/^#define RELEASE "\(.*\)"/\1/p' userspace/shared/release.h)

# Whether the linker set what Windows needs to load a file at a random address and to forbid the
# execution of data, and whether the file has the version of the release.
is_hardened() {
	local flags sections
	flags=$(x86_64-w64-mingw32-objdump -p "$1" | sed -n '/^DllCharacteristics/,/^SizeOf/p')
	[[ $flags == *HIGH_ENTROPY_VA*DYNAMIC_BASE*NX_COMPAT* ]] || { echo "$flags"; return 1; }
	sections=$(x86_64-w64-mingw32-objdump -h "$1")
	[[ $sections == *.reloc* && $sections == *.rsrc* ]] || { echo "$sections"; return 1; }
	x86_64-w64-mingw32-windres -J coff -O rc "$1" | grep -F "\"ProductVersion\", \"$release\"" >/dev/null
}

is_signed() {
	osslsigncode verify -CAfile "$installers/test.pem" -in "$1"
}

# run_program NAME COMMAND…: prints the TAP of a program, numbered with the other results.
run_program() {
	local name=$1 output status=0 planned=0 seen=0
	shift
	output=$("$@" 2>>"$build/results/windows.log" | tr -d '\r') || status=$?
	while IFS= read -r line; do
		case $line in
		ok\ [0-9]* | not\ ok\ [0-9]*)
			tap_number=$((tap_number + 1)) seen=$((seen + 1))
			[[ $line == ok* ]] || tap_failed=1
			sed -E "s/^((not )?ok) [0-9]+ - /\1 $tap_number - $name: /" <<<"$line"
			;;
		1..*) planned=${line#1..} ;;
		*) echo "# ${line#'# '}" ;;
		esac
	done <<<"$output"
	check "$name: status $status after $seen of $planned tests" \
		test "$status" = 0 -a "$seen" = "$planned"
}

stop_wine() {
	/usr/lib/wine/wineserver -k || true
}
trap stop_wine EXIT

check 'Wine: a prefix' tests/wmi/prefix.sh
# The machines of test_hvhost. They end with this script, which closes their standard input.
coproc hvhost { exec tests/wmi/fake_hvhost.py; }
read -r -t 60 HVHOST_BRIDGE <&"${hvhost[0]}" || true
export HVHOST_BRIDGE
check 'fake machines of hvhost' test -n "$HVHOST_BRIDGE"
for program; do
	check "$(basename "$program"): ASLR, NX and a version" is_hardened "$program"
	run_program "$(basename "$program" .exe)" wine "$program"
done
check 'vmlogoff.exe: ASLR, NX and a version' is_hardened "$build/windows/vmlogoff.exe"
check 'vmguestos.dll: ASLR, NX and a version' is_hardened "$build/windows/vmguestos.dll"
installers=$build/windows/installers
for file in hv-logoff/{vmlogoff.exe,vmguestos.dll} first.msi; do
	check "SIGN: $file" is_signed "$installers/$file"
done
run_program installer timeout -k 5 1200 tests/wmi/installer.py "$installers" "$release"
run_program vmlogoff.exe timeout -k 5 1200 tests/wmi/vmlogoff.py "$build/windows"
run_program vmguestos.dll timeout -k 5 600 tests/wmi/com.py "$build/windows"
plan
