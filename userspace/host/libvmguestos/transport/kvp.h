/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_KVP_H
#define VMG_KVP_H

#include "userspace/host/libvmguestos/vmguestos.h"

/* Returns S_OK if the guest of the machine with that directory accepts requests by KVP. */
HRESULT vmg_kvp_available(const char *directory);

/* The port on which the guest's daemon listens: VM_E_ADDITIONS_FEATURE_NOT_AVAIL if it does not. */
HRESULT vmg_kvp_vsock_port(const char *directory, uint32_t *port);

/* Cancels a logoff by KVP, see IVMGuestOS2's CancelLogoff(). */
HRESULT vmg_kvp_cancel(const char *directory, uint64_t id);

#endif /* VMG_KVP_H */
