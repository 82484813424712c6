/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_KVP_H
#define VMG_KVP_H

#include "userspace/host/libvmguestos/vmguestos.h"

/* Returns S_OK if the guest of the machine with that directory accepts requests by KVP. */
HRESULT vmg_kvp_available(const char *directory);

/* Cancels a logoff by KVP, see IVMGuestOS2's CancelLogoff(). */
HRESULT vmg_kvp_cancel(const char *directory, uint64_t id);

#endif /* VMG_KVP_H */
