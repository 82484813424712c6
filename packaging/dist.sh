#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dist.sh BUILD RELEASE: writes the release to BUILD/dist: the sources as a tar archive, the software
# bill of materials of the programs in BUILD, and SHA256SUMS. The archive is that of the commit, and
# depends on nothing else.
set -euo pipefail

build=${1:?} release=${2:?}
name=hv-logoff-$release

if [[ -n $(git status --porcelain) ]]; then
	echo "dist.sh: these files are not committed, and would not be in the release:" >&2
	git status --short >&2
	exit 1
fi
rm -rf "$build/dist"
mkdir -p "$build/dist"
# The owner, the modes and the times are those that git writes. gzip -n: no name and no time.
git -c tar.umask=0022 archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$build/dist/$name.tar.gz"
"$(dirname "$0")/sbom.py" "$build" "$release" >"$build/dist/$name.cdx.json"
(cd "$build/dist" && sha256sum "$name".* >SHA256SUMS)
cat "$build/dist/SHA256SUMS"
