#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test.sh BUILD: runs the Pester tests, and writes TAP to standard output and BUILD/results. Without a
# PowerShell they are skipped, or have failed if POWERSHELL=required is in the environment.
set -euo pipefail

build=$(realpath "${1:?}")
cd "$(dirname "$0")/../../.."
mkdir -p "$build/results"
exec > >(tee "$build/results/powershell.tap")
# shellcheck source=../../../tests/tap.sh
. tests/tap.sh

status=0
paths=$(userspace/host/powershell/pwsh.sh) || status=$?
if ((status == 77)) && [[ ${POWERSHELL-} != required ]]; then
	skip 'the PowerShell module' 'there is no .NET SDK, or NuGet cannot be reached'
	plan
	exit
fi
((status == 0)) || { echo 'not ok 1 - PowerShell and Pester'; echo '1..1'; exit 1; }
mapfile -t paths <<<"$paths"
export PWSH=${paths[0]} VMLOGOFF=$build/vmlogoff FLEET=$build/fleet POWERSHELL_TELEMETRY_OPTOUT=1
timeout -k 5 900 "${paths[0]}" -NoProfile -NonInteractive \
	-File userspace/host/powershell/tap.ps1 "${paths[1]}" userspace/host/powershell 2>&1 |
	sed -E '/^(ok|not ok|#|1\.\.)/!s/^/# /'
