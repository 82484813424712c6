/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of one stream to the guest, without the socket: the negotiation, and the messages
 * of docs/protocol.md in the bytes of the stream. Its owner writes @output and passes on what it
 * reads.
 */
#ifndef VMG_VSOCK_LINK_H
#define VMG_VSOCK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "userspace/shared/wire_host.h"

struct vsock_link {
	struct hvl_version framework, version; /* 0.0 until they are negotiated */
	__u8 transaction;                      /* of the last message sent */
	struct hvl_packet input; /* @received bytes of it are the start of a message */
	size_t received;
	uint8_t output[2 * HVL_PACKET_MAX]; /* @queued bytes of it are to be written */
	size_t queued;
};

enum vsock_event {
	VSOCK_NOTHING,    /* no message is complete yet */
	VSOCK_NEGOTIATED, /* @version is set; this happens once */
	VSOCK_MESSAGE,    /* of HVL_MSGTYPE_LOGOFF: vsock_link.input, valid until the next call */
	VSOCK_MALFORMED,  /* the start of the next message is unknown: close the stream */
	VSOCK_REFUSED,    /* the guest has no version in common: close it */
};

/* A new stream: queues the negotiation. */
void vsock_link_open(struct vsock_link *link);
/* Queues an operation of hvl_build_op(). Returns its transaction, or -1: too much is queued. */
int vsock_link_send(struct vsock_link *link, struct hvl_packet *packet);
/* @count bytes of @output were written. */
void vsock_link_sent(struct vsock_link *link, size_t count);
/*
 * Takes bytes that were read, up to the end of a message, and advances @bytes and @count. The
 * message has passed hvl_packet_check() and is zero after its end. Call it until it returns
 * VSOCK_NOTHING.
 */
enum vsock_event vsock_link_receive(struct vsock_link *link, const uint8_t **bytes, size_t *count);

#endif /* VMG_VSOCK_LINK_H */
