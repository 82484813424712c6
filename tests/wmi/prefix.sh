#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# prefix.sh: creates the prefix of Wine $WINEPREFIX, unless it exists.
set -euo pipefail

wine() {
	timeout -k 5 600 /usr/lib/wine/wine64 "$@" </dev/null
}

[[ -e ${WINEPREFIX:?}/complete ]] && exit
rm -rf "$WINEPREFIX"
wine wineboot -i
# A program that crashes ends, rather than wait for a debugger.
wine reg add 'HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug' /v Debugger /d '' /f
/usr/lib/wine/wineserver -w
: >"$WINEPREFIX/complete"
