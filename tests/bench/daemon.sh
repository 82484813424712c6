#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# daemon.sh BUILD COMMIT: builds the daemon of an earlier commit from the repository's history, and
# prints its path. daemon.sh --check COMMIT: exits with 0 if the clone contains that commit.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# Do not pass the variables of our make on to that of the old tree.
unset MAKEFLAGS MFLAGS

history() {
	# root also builds in clones that are owned by another user.
	git -c safe.directory='*' -C "$here/../.." "$@"
}

commit=${2:?}
if [[ $1 == --check ]]; then
	history cat-file -e "$commit^{commit}" 2>/dev/null
	exit
fi

tree=$(realpath "$1")/bench/$commit
if [[ ! -e $tree/Makefile ]]; then
	mkdir -p "$tree"
	history archive "$commit" | tar -x -C "$tree"
fi
{
	make -C "$tree" BUILD=build build/hv-logoffd
	strip --strip-debug -o "$tree/hv-logoffd" "$tree/build/hv-logoffd"
} >&2
echo "$tree/hv-logoffd"
