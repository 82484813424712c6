/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HRESULTs of a logoff: the names that winerror.h and VPCCOMInterfaces.h give them. */
#ifndef HVL_HRESULT_H
#define HVL_HRESULT_H

#include <stdint.h>

/* The symbol, such as "ERROR_BUSY"; "unknown" for a code that is not in the table. */
const char *hresult_name(uint32_t hresult);
/* A sentence for an administrator: what happened and, for an error, what to do. */
const char *hresult_text(uint32_t hresult);

#endif /* HVL_HRESULT_H */
