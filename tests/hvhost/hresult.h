/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVHOST_HRESULT_H
#define HVHOST_HRESULT_H

#include <stdint.h>

/* Those that the host gives itself. */
#include "userspace/host/vmguestos.h"

/* The symbol that winerror.h or VPCCOMInterfaces.h has for it. */
const char *hresult_name(uint32_t hresult);

#endif /* HVHOST_HRESULT_H */
