/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timesync component: sets the guest's clock after each negotiation, and by command. */
#ifndef HVHOST_TIMESYNC_H
#define HVHOST_TIMESYNC_H

#include "ic.h"

struct ic_timesync {
	struct ic ic;
	uint8_t transaction;
	uint64_t client; /* of the pending request, or 0 */
	uint64_t sent_us;
};

int ic_timesync_init(struct ic_timesync *timesync, struct vm *vm);
void ic_timesync_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_TIMESYNC_H */
