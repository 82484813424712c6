/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection between a Hyper-V socket of the guest and a UNIX socket of the host: the bytes go
 * from one to the other. A reader that is slow on either side stops only its own stream, by the
 * guest's ring or the UNIX socket being full; the host buffers one packet in each direction.
 */
#ifndef HVHOST_STREAM_H
#define HVHOST_STREAM_H

#include "address.h"
#include "tests/hvhost/loop.h"
#include "tests/hvhost/vmbus/vmbus.h"

/* The largest payload of a packet to the guest; the guest's own packets are not larger. */
#define STREAM_CHUNK 4088

struct vsock;

/* Before each packet's payload: struct vmpipe_proto_header of the kernel. */
struct pipe_header {
	uint32_t type; /* 1 */
	uint32_t size; /* of the payload; 0: nothing follows in this direction (FIN) */
};

enum stream_state {
	STREAM_CONNECT,   /* reads "CONNECT <port>" of a client */
	STREAM_RELAY,     /* reads "OK <port>" of the outer machine's relay */
	STREAM_OFFERED,   /* the guest has not opened the channel yet */
	STREAM_CONNECTED, /* or the guest has closed the channel, and what it sent is written */
	STREAM_ENDED,     /* the UNIX socket is closed; the guest has not released the relid */
};

struct stream {
	LIST_ENTRY(stream) entry;
	struct vsock *vsock;
	enum stream_state state;
	uint32_t port; /* of the guest for CHANNEL_TO_GUEST, of the host for CHANNEL_TO_HOST */
	char line[VSOCK_LINE_MAX];
	size_t line_length;
	struct source socket;
	bool watched; /* by the loop, for @events */
	uint32_t events;
	bool hung_up;    /* the UNIX socket's peer has closed it: what the guest sends is dropped */
	bool host_ended; /* FIN was sent to the guest */
	bool guest_ended; /* FIN was received from the guest */
	bool closing;     /* the timer limits the time until FIN of the guest */
	uint8_t *rest;    /* from the guest, for the UNIX socket, which is full */
	size_t rest_size;
	struct timer timer;
	struct channel channel;
};

/*
 * Takes ownership of @socket, even on failure: then it returns NULL. @state is the first one, in
 * which at most 30 s may pass, as in STREAM_OFFERED.
 */
struct stream *stream_new(struct vsock *vsock, int socket, enum stream_state state,
			  enum channel_kind kind);
/* The caller has set the channel's ids. */
void stream_offer(struct stream *stream);
/* Closes the UNIX socket and rescinds the channel. May run on any thread. */
void stream_end(struct stream *stream, const char *why);
/* Only on the loop's thread, and only if the guest has no relid for the channel. */
void stream_free(struct stream *stream);

/* The owner, vsock.c: a port for the host's end of a connection. */
uint32_t vsock_next_port(struct vsock *vsock);
/* The stream that the guest has requested ends before it was offered. */
void vsock_refuse(struct stream *stream);
/* The stream can be freed, once the caller has returned. */
void vsock_reap(struct vsock *vsock);

#endif /* HVHOST_STREAM_H */
