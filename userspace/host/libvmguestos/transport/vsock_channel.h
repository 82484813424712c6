/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream to the guest's daemon with its messages, for callers that wait. */
#ifndef VMG_VSOCK_CHANNEL_H
#define VMG_VSOCK_CHANNEL_H

#include "vsock_link.h"
#include "vsock_stream.h"

struct vsock_channel {
	struct vsock_stream *stream;
	struct vsock_link link;
	uint8_t bytes[HVL_PACKET_MAX];
	const uint8_t *next; /* @left of them are still to be used */
	size_t left;
};

/*
 * Connects and negotiates, in a limited time, or until @stop is set (E_FAIL). An error has a
 * sentence in @text. Close it afterwards, also after an error.
 */
HRESULT vsock_channel_open(struct vsock_channel *channel, const struct vsock_address *address,
			   vmg_event stop, char text[VSOCK_TEXT_SIZE]);
void vsock_channel_close(struct vsock_channel *channel);

/*
 * Writes what is queued, and waits for the next message: S_OK, and it is in link.input. @deadline
 * is a vmg_now_ms() or -1 for no limit: VM_E_TIMED_OUT, as when @stop is set. VM_E_VM_NOT_RUNNING
 * at the end of the stream.
 */
HRESULT vsock_channel_next(struct vsock_channel *channel, vmg_event stop, int64_t deadline);

#endif /* VMG_VSOCK_CHANNEL_H */
