/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile host: for as many packets as it is told, the logoff component's
 * channel belongs to a storm, which sends what storm_packet.h draws, spoils the
 * rings' indices and rescinds the offer. Then it brings back order, or tells
 * what the guest did wrong.
 */
#ifndef HVHOST_STORM_H
#define HVHOST_STORM_H

#include <jansson.h>

#include "packet.h"
#include "tests/hvhost/loop.h"
#include "tests/hvhost/vmbus/vmbus.h"

#define STORM_OWED_MAX 1024 /* more than both rings hold packets */

enum storm_phase { STORM_OVER, STORM_BLOWING, STORM_SETTLING, STORM_HANDING_OVER };

struct ic;

struct storm {
	struct ic *ic;
	const struct channel_ops *ops; /* the component's own, for afterwards */
	struct timer timer;
	enum storm_phase phase;
	uint64_t client;
	uint64_t seed;
	uint32_t packets;    /* to be sent */
	uint32_t rescind_at; /* so many packets, at the latest */
	uint64_t deadline_us;

	struct storm_maker maker;
	struct storm_packet packet;
	bool made;             /* @packet is to be sent */
	unsigned int unheard;  /* packets still to be sent before answers are read */
	bool rescind_next;     /* at the next turn, wherever the guest is then */
	const char *broken_by; /* what the guest has to close the channel for */
	bool break_next;       /* at the next turn, if it has not closed the channel by itself */
	bool closing;          /* the guest has to close the channel */
	bool spoilt;           /* the upstream ring's words, until the next turn */
	uint64_t await;        /* transaction of the negotiation or LOGOFF that is waited for */

	bool framed; /* the guest and we agree where packets begin */
	struct {
		uint32_t number;
		const char *kind;
	} owed[STORM_OWED_MAX]; /* answers, in the order in which they have to come */
	uint32_t owed_first, owed_count;

	uint32_t number; /* of the last packet, in its transaction */
	uint32_t sent, answers, checked, completes, resets, rescinds, spoils;
	json_t *kinds;
};

struct vm;

int storm_init(struct storm *storm, struct vm *vm);
void storm_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_STORM_H */
