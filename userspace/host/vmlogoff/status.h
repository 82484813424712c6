/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How vmlogoff ends: a status for each HRESULT. Also in docs/vmlogoff.1. */
#ifndef VMG_STATUS_H
#define VMG_STATUS_H

#include "userspace/host/libvmguestos/vmguestos.h"

#define STATUS_USAGE 64

int status_of(HRESULT hr);

#endif /* VMG_STATUS_H */
