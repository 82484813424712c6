/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hostile host sends: packets drawn from a seed, and nothing else decides. */
#ifndef HVHOST_PACKET_H
#define HVHOST_PACKET_H

#include "driver/wire.h"
#include "tests/hvhost/vmbus/ring.h"

#define STORM_DATA_MAX 16384
#define STORM_HISTORY  32
#define STORM_IDS      8

struct storm_random {
	uint64_t state;
};

uint32_t random_bits(struct storm_random *random);
/* 0 to @limit - 1; @limit is above 0. */
uint32_t random_below(struct storm_random *random, uint32_t limit);

struct storm_packet {
	const char *kind;
	struct ring_packet header; /* of which the transaction is left to the sender */
	size_t length;
	bool owed;   /* the guest has to answer it, once and before it takes the next */
	bool framed; /* the guest will know where the next one begins */
	bool fatal;  /* the guest has to close the channel */
	_Alignas(struct hvl_packet) uint8_t data[STORM_DATA_MAX];
};

struct storm_maker {
	struct storm_random random;
	uint8_t transaction;
	uint64_t ids[STORM_IDS]; /* some are used again: cancelled, queried, repeated */
	struct {
		size_t length;
		uint8_t data[HVL_PACKET_MAX];
	} history[STORM_HISTORY];
};

void storm_maker_init(struct storm_maker *maker, uint64_t seed);
/* The next packet, with no more than @room bytes of payload. */
void storm_make(struct storm_maker *maker, struct storm_packet *packet, size_t room);

/* The header that goes with the packet's data, and what the guest has to do with it. */
void storm_frame(struct storm_packet *packet);

#endif /* HVHOST_PACKET_H */
