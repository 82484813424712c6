#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# checkpatch.sh [PATCH…]: runs the kernel's checkpatch.pl --strict on the patches, or on the driver;
# any output is a failure. No binary package contains checkpatch.pl, so it is unpacked from the
# kernel's source package.
set -euo pipefail

driver=$(dirname "$(realpath "$0")")/../../driver
source=linux-source-6.12
version=$(dpkg-query --show --showformat='${Version}' $source)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff/checkpatch-$version

if [[ ! -d $tools ]]; then
	rm -rf "$tools.new"
	mkdir -p "$tools.new"
	tar -C "$tools.new" --strip-components=2 -xf /usr/src/$source.tar.xz \
		$source/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch}
	mv "$tools.new" "$tools"
fi
checkpatch=(perl "$tools/checkpatch.pl" --no-tree --strict --terse --show-types --no-summary)

if (($#)); then
	"${checkpatch[@]}" "$@"
else
	cd "$driver"
	find . -name '*.[ch]' -exec "${checkpatch[@]}" --file {} +
fi
