#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# exports.sh BUILD: fails unless each library exports exactly the symbols that vmguestos.h declares.
set -euo pipefail

build=${1:?}
header=userspace/host/libvmguestos/vmguestos.h
declared=$(grep VMGUESTOS_API "$header" | grep -oE '\b(VMGuestOS|D?IID)_[A-Za-z0-9]+' | sort)

# nm also lists the version node of the shared library.
exported() {
	nm -g --defined-only "$@" | awk 'NF == 3 { sub(/@.*/, "", $3); print $3 }' |
		grep -v '^LIBVMGUESTOS_' | sort
}

diff <(echo "$declared") <(exported "$build/libvmguestos.a")
diff <(echo "$declared") <(exported -D "$build/libvmguestos.so")
# IID_IUnknown is in a library of Windows.
diff <(grep -vx IID_IUnknown <<<"$declared") \
	<(awk '/^\t/ && !/PRIVATE/ { print $1 }' userspace/host/windows/com/vmguestos.def | sort)
