/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_KVP_H
#define VMG_KVP_H

#include <stdint.h>

#include "userspace/host/libvmguestos/task.h"

/* Variables, so that unit tests can shorten them. */
struct kvp_times {
	uint32_t poll_ms;     /* the interval at which the guest's items are read */
	uint32_t life;        /* seconds within which the guest must begin */
	uint32_t backstop_ms; /* after the request's timeout, which the guest itself observes */
};

extern struct kvp_times vmg_kvp_times;

/* Returns S_OK if the guest of the machine with that directory accepts requests by KVP. */
HRESULT vmg_kvp_available(const char *directory);

#endif /* VMG_KVP_H */
