/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common part of all integration components (ICs): a channel of messages
 * that begin with struct hvl_header, and the version negotiation, which the
 * host starts when the channel opens.
 */
#ifndef HVHOST_IC_H
#define HVHOST_IC_H

#include <jansson.h>

#include "driver/wire.h"
#include "tests/hvhost/vmbus/vmbus.h"

struct ic;

struct ic_ops {
	void (*negotiated)(struct ic *ic); /* optional */
	void (*closed)(struct ic *ic);
	/*
	 * Any message except the answer to a negotiation. It has @length bytes, at
	 * least the header, and may be longer than struct hvl_packet.
	 */
	void (*received)(struct ic *ic, const struct hvl_packet *packet, size_t length);
};

struct ic {
	struct channel channel;
	struct vm *vm;
	const struct ic_ops *ops;
	const struct hvl_version *versions; /* of the messages, highest first */
	size_t version_count;
	bool negotiated;
	struct hvl_version framework; /* 0.0 until negotiated, like @message */
	struct hvl_version message;
	uint8_t transaction; /* the last id used */
	uint8_t negotiation; /* the id of the last negotiation */
};

#define IC_CHANNEL_CLOSED "The channel was closed before the guest answered."

int ic_init(struct ic *ic, struct vm *vm);
/* -ENOTCONN if the channel is not open. */
int ic_negotiate(struct ic *ic);
uint8_t ic_next_transaction(struct ic *ic);
/* @packet begins with a struct hvl_header, whose @size is set. */
int ic_send(struct ic *ic, void *packet);
/*
 * For components of hv_utils with one request at a time, whose client is
 * @pending. False, after an error reply, if the component is not negotiated or
 * another request is pending.
 */
bool ic_begin_request(struct ic *ic, uint64_t *pending, uint64_t client);
/* The channel was closed: fails the pending request, if any. */
void ic_fail_request(struct ic *ic, uint64_t *pending);
json_t *ic_status(const struct ic *ic);
struct ic *ic_by_name(struct vm *vm, const char *name);

#endif /* HVHOST_IC_H */
