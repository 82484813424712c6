/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all integration components share: a channel of messages with a pipe
 * and an IC header (struct hvl_header is every component's), and the
 * negotiation of versions, which the host begins when the channel opens.
 */
#ifndef HVHOST_IC_H
#define HVHOST_IC_H

#include <jansson.h>

#include "driver/wire.h"
#include "tests/hvhost/vmbus/vmbus.h"

struct ic;

struct ic_ops {
	void (*negotiated)(struct ic *ic);
	void (*closed)(struct ic *ic);
	/*
	 * An answer or report; @packet has @length bytes, the header at least, and
	 * if these are more than its type's, the rest is behind it.
	 */
	void (*received)(struct ic *ic, const struct hvl_packet *packet, size_t length);
};

struct ic {
	struct channel channel;
	struct vm *vm;
	const struct ic_ops *ops;
	const struct hvl_version *versions; /* of its messages, highest first */
	size_t version_count;
	bool negotiated;
	struct hvl_version framework; /* both are 0.0 until negotiated */
	struct hvl_version message;
	uint8_t transaction; /* the last one used */
	uint8_t negotiation; /* the transaction of the last negotiation */
};

int ic_init(struct ic *ic, struct vm *vm);
/* -ENOTCONN if the channel isn't open. */
int ic_negotiate(struct ic *ic);
uint8_t ic_next_transaction(struct ic *ic);
/* @packet begins with a struct hvl_header, and @packet->header.size is right. */
int ic_send(struct ic *ic, void *packet);
json_t *ic_status(const struct ic *ic);
struct ic *ic_by_name(struct vm *vm, const char *name);

#endif /* HVHOST_IC_H */
