#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# size.sh BUILD: prints the size of each driver file, in lines without comments and blank lines and
# in bytes of code and constants, and its purpose; for comparison, also the size of hv_utils of 6.12.
set -euo pipefail

build=${1:?}
objects=$build/driver-6.12/driver
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

lines() {
	local file
	for file in "$@"; do
		gcc -fpreprocessed -dD -E -P "$file"
	done | wc -l
}

# The bytes of code and constants, without metadata such as types, stack frames and call sites.
text() {
	size -A "$1" | awk '$1 ~ /^\.((init|exit)\.)?(text|rodata)/ { sum += $2 } END { print sum }'
}

# The first sentence of a file's comment.
purpose() {
	awk '/^\/\*$/ { on = 1; next }
		on && /^ \*(\/|$)/ { exit }
		on { sub(/^ \* /, ""); printf "%s%s", gap, $0; gap = " " }' "$1" |
		sed 's/\. .*/./; s/\.$//'
}

row() {
	printf '%-22s %5s %6s  %s\n' "$@"
}

row file lines bytes for
for file in driver/*.[ch] driver/uapi/linux/*.h; do
	bytes=
	[[ $file != *.c ]] || bytes=$(text "$objects/$(basename "$file" .c).o")
	row "${file#driver/}" "$(lines "$file")" "$bytes" "$(purpose "$file")"
done
row hv_logoff.ko "$(lines driver/*.[ch] driver/uapi/linux/*.h)" "$(text "$objects/hv_logoff.ko")"

tar -C "$work" --strip-components=3 -xf /usr/src/linux-source-6.12.tar.xz linux-source-6.12/drivers/hv
parts=("$work"/hv_{util,kvp,snapshot,utils_transport}.c "$work/hv_utils_transport.h")
for file in "${parts[@]}"; do
	row "$(basename "$file")" "$(lines "$file")"
done
cp "$build"/kernel-6.12/modules/kernel/drivers/hv/hv_utils.ko* "$work"
[[ -e $work/hv_utils.ko ]] || xz -d "$work/hv_utils.ko.xz"
row hv_utils.ko "$(lines "${parts[@]}")" "$(text "$work/hv_utils.ko")"
