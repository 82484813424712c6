/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps HRESULTs to exit statuses of vmlogoff, which docs/vmlogoff.1 lists. */
#ifndef VMG_STATUS_H
#define VMG_STATUS_H

#include "userspace/host/libvmguestos/vmguestos.h"

#define STATUS_USAGE 64

int status_of(HRESULT hr);

#endif /* VMG_STATUS_H */
