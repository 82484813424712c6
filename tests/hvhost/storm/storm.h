/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile host. For a given number of packets, the storm takes over the logoff
 * component's channel: it sends the packets of packet.h, corrupts the rings'
 * control pages and rescinds the offer. Afterwards it waits until a LOGOFF
 * works again and returns the channel to the component, or reports what the
 * guest did wrong.
 */
#ifndef HVHOST_STORM_H
#define HVHOST_STORM_H

#include <jansson.h>

#include "packet.h"
#include "tests/hvhost/loop.h"
#include "tests/hvhost/vmbus/vmbus.h"

#define STORM_EXPECTED_MAX 1024 /* more packets than both rings can hold */

enum storm_phase {
	STORM_IDLE,
	STORM_SENDING,
	STORM_SETTLING,     /* until a LOGOFF is carried out */
	STORM_HANDING_OVER, /* the component negotiates again */
};

struct ic;

struct storm {
	struct ic *ic;
	const struct channel_ops *ops; /* the component's, restored at the end */
	struct timer timer;
	enum storm_phase phase;
	uint64_t client;
	uint64_t seed;
	uint32_t packets;    /* to be sent */
	uint32_t rescind_at; /* rescind after this number of packets at the latest */
	uint64_t deadline_us;

	struct storm_maker maker;
	struct storm_packet packet;
	bool packet_ready;       /* @packet is to be sent next */
	unsigned int unread;     /* packets to send before answers are read again */
	bool rescind_next;       /* in the next run(), whatever the guest is doing */
	const char *broken_by;   /* why the guest must close the channel */
	bool break_next;         /* in the next run(), unless the channel is closed by then */
	bool closing;            /* the guest must close the channel */
	bool upstream_corrupted; /* until the next run() */
	uint64_t await;          /* transaction of the negotiation or LOGOFF to wait for */

	bool framed; /* host and guest agree on where packets begin: answers can be checked */
	struct {
		uint32_t number;
		const char *kind;
	} expected[STORM_EXPECTED_MAX]; /* answers, in order: a ring buffer */
	uint32_t expected_first, expected_count;

	uint32_t number; /* of the last packet; part of its transaction */
	uint32_t sent, answers, checked, completes, resets, rescinds, corruptions;
	json_t *kinds;
};

struct vm;

int storm_init(struct storm *storm, struct vm *vm);
void storm_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_STORM_H */
