#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh BUILD: runs the static checks and writes TAP to standard output and BUILD/results.
set -euo pipefail

build=${1:?}
mkdir -p "$build/results"
exec > >(tee "$build/results/check.tap")
# shellcheck source=../tap.sh
. tests/tap.sh
flags=(-D_GNU_SOURCE -Iuserspace/shared/include -Idriver/uapi -I. "-I$build"
	-I"$build/tests/hvhost" -Iuserspace/host/libvmguestos)

files() {
	find debian driver packaging userspace tests .ci Makefile -type f "$@" | sort
}

# Compiled by mingw-w64 only.
windows=(userspace/host/windows/*.c userspace/host/windows/com/*.c userspace/host/vmlogoff/*_windows.c
	tests/wmi/*.c tests/wmi/provider/*.c)
mapfile -t programs < <(files -name '*.c' ! -path 'driver/*' |
	grep -vxFf <(printf '%s\n' "${windows[@]}"))
mapfile -t scripts < <(files -exec grep -lE '^#!/bin/(ba)?sh' {} +)

# tidy FLAG… -- PROGRAM…
tidy() {
	local output options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	output=$(printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I {} \
		clang-tidy --quiet {} -- -std=c17 "${options[@]}" 2>&1) && return
	grep -E ': (warning|error):' <<<"$output" || echo "$output"
	return 1
}

tidy_windows() {
	local cmocka
	cmocka=$(tests/wmi/source.sh cmocka) || return
	tidy --target=x86_64-w64-mingw32 -D_GNU_SOURCE -D_WIN32_WINNT=0x0A00 -DCOBJMACROS \
		-Iuserspace/host/windows/include -Idriver/uapi -I. "-I$cmocka/include" \
		"-I$build/windows/com" -- "${windows[@]}"
}

# The version of the release is in files that do not include release.h, too.
one_release() {
	local release missing
	release=$(sed -n 's/^#define RELEASE "\(.*\)"/\1/p' userspace/shared/release.h)
	missing=$(grep -L "^\.TH.* \"hv-logoff $release\"" docs/*.[1-9] || true
		grep -L "ModuleVersion *= '$release'" userspace/host/powershell/HvLogoff/HvLogoff.psd1 || true
		grep -L "^hv-logoff ($release)" debian/changelog || true
		grep -L "^Version: *$release\$" packaging/hv-logoff.spec || true)
	[[ -z $missing ]] || { echo "not version ${release:-of release.h}: $missing"; return 1; }
}

licensed() {
	local missing
	# dpkg requires the form of the others.
	missing=$(files ! -name cmdline ! -path '*/corpus/*' \
		! -path debian/changelog ! -path debian/copyright ! -path debian/source/format \
		-exec grep -L 'SPDX-License-Identifier:' {} + || true)
	[[ -z $missing ]] || { echo "no SPDX line: $missing"; return 1; }
}

# cppcheck needs the lists of <sys/queue.h> for the programs; they have names in common with the
# kernel's. It does not know the attribute "cleanup".
cppchecked() {
	local options=(--quiet --std=c11 "--enable=warning,performance,portability" --inline-suppr
		--error-exitcode=1 --suppress=missingIncludeSystem -D__linux__ -j "$(nproc)" "${flags[@]}")

	cppcheck "${options[@]}" --suppress=resourceLeak:userspace/guest/system/vmbus.c \
		"--include=/usr/include/$(gcc -print-multiarch)/sys/queue.h" "${programs[@]}" || return
	cppcheck "${options[@]}" --suppress=arithOperationsOnVoidPointer driver || return
	cppcheck "${options[@]}" -U__linux__ -D_WIN32 "${windows[@]}"
}

# The driver is checked by checkpatch.pl instead.
formatted() {
	files -name '*.[ch]' ! -path 'driver/*' -exec clang-format --dry-run --Werror {} +
}

# The exposure level, 0 to 10, must not rise above 1.5.
sandboxed() {
	systemd-analyze security --no-pager --offline=yes --threshold=15 userspace/guest/hv-logoffd.service
}

check 'checkpatch --strict: driver' tests/check/checkpatch.sh
check 'clang-tidy: user space and tests' tidy "${flags[@]}" -- "${programs[@]}"
check 'clang-tidy: the code for Windows' tidy_windows
check 'cppcheck' cppchecked
check 'clang-format: user space and tests' formatted
check 'shellcheck' shellcheck -x -P SCRIPTDIR "${scripts[@]}"
check 'systemd-analyze security: hv-logoffd.service' sandboxed
check 'SPDX-License-Identifier in every file' licensed
check 'one version of the release' one_release
check 'libvmguestos exports only what vmguestos.h declares' tests/check/exports.sh "$build"
plan
