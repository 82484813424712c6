/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's side of the VMBus: contact, offers, GPADLs, the channels' lives. */
#ifndef HVHOST_VMBUS_H
#define HVHOST_VMBUS_H

#include <sys/queue.h>

#include "ring.h"
#include "tests/hvhost/loop.h"
#include "vmbus_wire.h"

#define CHANNEL_PACKET_MAX 4096

struct vm;
struct vmbus;
struct channel;

/* What a device on the bus does when its channel changes. */
struct channel_ops {
	void (*offered)(struct channel *channel);
	void (*opened)(struct channel *channel);
	void (*closed)(struct channel *channel); /* was open; also when it is rescinded */
	void (*received)(struct channel *channel, const void *data, size_t length);
	/* The guest may have made room; may be NULL. */
	void (*room)(struct channel *channel);
	/* The guest's ring makes no sense; if NULL, the channel is taken for closed. */
	void (*broken)(struct channel *channel);
};

struct packet {
	STAILQ_ENTRY(packet) entry;
	size_t length;
	uint8_t data[];
};

enum channel_state {
	CHANNEL_WITHHELD, /* the guest doesn't know it */
	CHANNEL_OFFERED,
	CHANNEL_OPEN,
	CHANNEL_RESCINDED, /* until the guest releases its relid */
};

struct channel {
	const char *name;
	struct guid class;
	struct guid instance;
	const struct channel_ops *ops;

	struct vmbus *bus;
	STAILQ_ENTRY(channel) entry;
	bool wanted;  /* the host wants it offered */
	bool stalled; /* the host neither reads nor sends */
	enum channel_state state;
	uint32_t relid;
	uint32_t target_vp;
	struct ring upstream;               /* from the guest */
	struct ring downstream;             /* to the guest */
	struct source signal;               /* eventfd: the guest has written, or made room */
	STAILQ_HEAD(packets, packet) queue; /* for which the downstream ring had no room */
};

struct gpadl {
	LIST_ENTRY(gpadl) entry;
	uint32_t id;
	uint32_t relid;
	uint32_t page_offset; /* in bytes, of the first page */
	uint32_t count;
	uint32_t received;
	uint64_t frames[];
};

struct vmbus {
	struct vm *vm;
	uint32_t version; /* 0: no contact */
	uint32_t message_vp;
	uint32_t last_relid;
	bool offers_requested;
	STAILQ_HEAD(channels, channel) channels;
	LIST_HEAD(gpadls, gpadl) gpadls;
	unsigned int gpadl_pages;
};

void vmbus_init(struct vmbus *bus, struct vm *vm);
void vmbus_done(struct vmbus *bus);
/* The guest has left, or is no more: forget all that it had. */
void vmbus_reset(struct vmbus *bus);
/* The result of a hypercall that made the guest exit, from its first parameter. */
uint64_t vmbus_hypercall(struct vmbus *bus, uint64_t input, uint64_t parameter);

int vmbus_add_channel(struct vmbus *bus, struct channel *channel);
/* Offer now, or when the guest asks for offers, or has released the old relid. */
void channel_offer(struct channel *channel);
void channel_rescind(struct channel *channel);
/* In order; waits for room in the ring. -ENOTCONN if the channel isn't open. */
int channel_send(struct channel *channel, const void *data, size_t length);
/* Leave both rings as they are, and go on with them later. */
void channel_stall(struct channel *channel);
void channel_resume(struct channel *channel);
/* Past the queue, a packet with any header. -EAGAIN if there is no room. */
int channel_put(struct channel *channel, const struct ring_packet *header, const void *data,
		size_t length);
void channel_interrupt(struct channel *channel);
/* As if the guest had signalled. */
void channel_look(struct channel *channel);

#endif /* HVHOST_VMBUS_H */
