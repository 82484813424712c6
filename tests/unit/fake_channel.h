/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VMBus channels of hvhost, with a guest that the tests play. */
#ifndef FAKE_CHANNEL_H
#define FAKE_CHANNEL_H

#include "tests/hvhost/vmm/vm.h"

struct fake_guest {
	uint8_t sent[65536]; /* packets to the guest, one after the other */
	size_t sent_size;
	bool full; /* the rings have no space */
};

extern struct fake_guest fake_guest;

/* The guest closes the channel, or is reset. */
void fake_close_channel(struct channel *channel, enum channel_state next);
/* Handles the events that there are. */
void fake_run_loop(struct loop *loop);

#endif /* FAKE_CHANNEL_H */
