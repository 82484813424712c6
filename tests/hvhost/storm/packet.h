/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets of a storm: a pseudo-random sequence that only the seed determines. */
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
	struct ring_packet header; /* without the transaction, which the sender sets */
	size_t length;
	bool needs_answer; /* the guest must answer it once, before it reads the next packet */
	bool framed;       /* the guest finds the start of the next packet */
	bool fatal;        /* the guest must close the channel */
	_Alignas(struct hvl_packet) uint8_t data[STORM_DATA_MAX];
};

struct storm_maker {
	struct storm_random random;
	uint8_t transaction;
	uint64_t ids[STORM_IDS]; /* for CANCEL, QUERY and repetitions of earlier requests */
	struct {
		size_t length;
		uint8_t data[HVL_PACKET_MAX];
	} history[STORM_HISTORY];
};

void storm_maker_init(struct storm_maker *maker, uint64_t seed);
/* Makes the next packet, with at most @space bytes of payload. */
void storm_make(struct storm_maker *maker, struct storm_packet *packet, size_t space);

/* Sets the header that fits the packet's data, and what the guest must do with it. */
void storm_frame(struct storm_packet *packet);

#endif /* HVHOST_PACKET_H */
