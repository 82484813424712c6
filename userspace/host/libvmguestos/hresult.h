/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HRESULTs of a logoff, with their names from winerror.h and VPCCOMInterfaces.h. */
#ifndef HVL_HRESULT_H
#define HVL_HRESULT_H

#include <stdint.h>

/* Returns the name, such as "ERROR_BUSY", or "unknown". */
const char *hresult_name(uint32_t hresult);
/* Returns a sentence for an administrator: the outcome and, after an error, what to do. */
const char *hresult_text(uint32_t hresult);

#endif /* HVL_HRESULT_H */
