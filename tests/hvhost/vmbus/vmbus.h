/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host side of the VMBus: version negotiation, offers, GPADLs and channels. */
#ifndef HVHOST_VMBUS_H
#define HVHOST_VMBUS_H

#include <sys/queue.h>

#include "ring.h"
#include "tests/hvhost/loop.h"
#include "vmbus_wire.h"

/* The largest packet that the guest may send: on a device's channel, and on a Hyper-V socket's. */
#define CHANNEL_PACKET_MAX 4096
#define SOCKET_PACKET_MAX  (8 + 16 * 1024)

struct vm;
struct vmbus;
struct channel;

/* Callbacks of a device on the bus. */
struct channel_ops {
	void (*offered)(struct channel *channel);
	void (*opened)(struct channel *channel);
	void (*closed)(struct channel *channel); /* also on rescind, if the channel was open */
	void (*received)(struct channel *channel, const void *data, size_t length);
	/* The guest has signaled: there may be space in the ring. Optional. */
	void (*writable)(struct channel *channel);
	/* The guest's ring is corrupt. If NULL, the channel is treated as closed. */
	void (*broken)(struct channel *channel);
	/* The guest has no relid for the channel anymore. Optional. May run on a vCPU's thread. */
	void (*released)(struct channel *channel);
};

struct packet {
	STAILQ_ENTRY(packet) entry;
	size_t length;
	uint8_t data[];
};

enum channel_state {
	CHANNEL_NOT_OFFERED, /* the guest has no relid for it */
	CHANNEL_OFFERED,
	CHANNEL_OPEN,
	CHANNEL_RESCINDED, /* until the guest releases its relid */
};

enum channel_kind {
	CHANNEL_DEVICE,   /* exchanges messages */
	CHANNEL_TO_HOST,  /* Hyper-V socket that the guest connects */
	CHANNEL_TO_GUEST, /* Hyper-V socket that the host connects */
};

struct channel {
	const char *name;
	struct guid class;
	struct guid instance;
	const struct channel_ops *ops;
	enum channel_kind kind;

	struct vmbus *bus;
	STAILQ_ENTRY(channel) entry;
	bool enabled; /* to be offered as soon as the guest requests offers */
	bool stalled; /* the host neither reads nor writes the rings */
	bool held;    /* the host does not read the ring for now: what it reads has no room */
	bool refused; /* the host rejects each open */
	enum channel_state state;
	unsigned int closings; /* how often it was closed */
	uint32_t relid;
	uint32_t target_vp;
	struct ring upstream;               /* guest to host */
	struct ring downstream;             /* host to guest */
	struct source signal;               /* eventfd: the guest has written, or freed space */
	STAILQ_HEAD(packets, packet) queue; /* packets that wait for space in the downstream ring */
};

struct gpadl {
	LIST_ENTRY(gpadl) entry;
	uint32_t id;
	uint32_t relid;
	uint32_t byte_offset; /* within the first page */
	uint32_t count;
	uint32_t received; /* of @count PFNs */
	uint64_t pfns[];
};

struct vmbus {
	struct vm *vm;
	uint32_t version; /* 0: not connected */
	uint32_t message_vp;
	uint32_t last_relid;
	bool offers_requested;
	STAILQ_HEAD(channels, channel) channels;
	LIST_HEAD(gpadls, gpadl) gpadls;
	unsigned int gpadl_pages;
};

void vmbus_init(struct vmbus *bus, struct vm *vm);
/* The guest has disconnected or was reset: drops all channel and GPADL state. */
void vmbus_reset(struct vmbus *bus);
/* Handles a hypercall exit, with the hypercall's first parameter; returns its status. */
uint64_t vmbus_hypercall(struct vmbus *bus, uint64_t input, uint64_t parameter);

int vmbus_add_channel(struct vmbus *bus, struct channel *channel);
/* Only on the loop's thread, and only if the guest has no relid for the channel. */
void vmbus_remove_channel(struct channel *channel);
/*
 * Offers the channel: now, or once the guest has requested offers and released
 * the relid of a rescinded offer.
 */
void channel_offer(struct channel *channel);
void channel_rescind(struct channel *channel);
/* Queues the packet if the ring has no space for it. -ENOTCONN if the channel is not open. */
int channel_send(struct channel *channel, const void *data, size_t length);
/* Whether the last channel_send() was queued, or an earlier one still is. */
bool channel_is_full(const struct channel *channel);
/*
 * Stops reading the guest's ring, until channel_continue(). What is in the ring when the guest
 * closes the channel is received nevertheless.
 */
void channel_hold(struct channel *channel);
void channel_continue(struct channel *channel);
/* Stops reading and writing the rings, until channel_resume(). */
void channel_stall(struct channel *channel);
void channel_resume(struct channel *channel);
/* Rejects each open, until channel_accept(), which interrupts the guest. */
void channel_refuse(struct channel *channel);
void channel_accept(struct channel *channel);
/* Writes a packet with any header, ahead of the queue. -EAGAIN if there is no space. */
int channel_put(struct channel *channel, const struct ring_packet *header, const void *data,
		size_t length);
void channel_interrupt(struct channel *channel);
/* Processes the rings as if the guest had signaled. */
void channel_kick(struct channel *channel);

#endif /* HVHOST_VMBUS_H */
