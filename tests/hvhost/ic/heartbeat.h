/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heartbeat component: a sequence number every 2 s, which the guest returns plus one. */
#ifndef HVHOST_HEARTBEAT_H
#define HVHOST_HEARTBEAT_H

#include "ic.h"

struct ic_heartbeat {
	struct ic ic;
	struct timer timer;
	uint8_t transaction;
	bool waiting;      /* the last heartbeat has no answer yet */
	uint64_t sequence; /* of the last heartbeat sent */
	uint64_t answered; /* the last sequence number answered, or 0 */
	uint64_t sent_us;
	uint64_t answered_us;
	uint64_t round_trip_us;
};

int ic_heartbeat_init(struct ic_heartbeat *heartbeat, struct vm *vm);
void ic_heartbeat_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_HEARTBEAT_H */
