/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_KVP_H
#define VMG_KVP_H

#include <stdint.h>

#include "task.h"

/* Unit tests are less patient. */
struct kvp_times {
	uint32_t poll_ms;     /* from one look at the guest's items to the next */
	uint32_t life;        /* seconds within which the guest begins */
	uint32_t backstop_ms; /* after the request's timeout: the guest keeps the time, if it can */
};

extern struct kvp_times vmg_kvp_times;

/* S_OK if the guest in the machine whose folder this is takes requests by KVP. */
HRESULT vmg_kvp_available(const char *folder);

#endif /* VMG_KVP_H */
