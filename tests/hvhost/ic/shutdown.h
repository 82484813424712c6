/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shutdown component: requests the guest to power off or to restart. */
#ifndef HVHOST_SHUTDOWN_H
#define HVHOST_SHUTDOWN_H

#include "ic.h"

struct ic_shutdown {
	struct ic ic;
	uint8_t transaction;
	uint64_t client; /* of the pending request, or 0 */
};

int ic_shutdown_init(struct ic_shutdown *shutdown, struct vm *vm);
void ic_shutdown_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_SHUTDOWN_H */
