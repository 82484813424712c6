/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One of a channel's two ring buffers, seen from the host. The guest may write
 * anything into it at any time: what decides is read once, copied and checked,
 * and the index that is the host's to write is never read back.
 */
#ifndef HVHOST_RING_H
#define HVHOST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_PAGES_MAX 1024

#define PACKET_IN_BAND 6 /* ring_packet.type, the only one that components use */

struct vm;
struct ring_control;

struct ring_packet {
	uint16_t type;
	uint16_t offset8; /* of the payload, in 8 bytes */
	uint16_t length8; /* without the trailer, in 8 bytes */
	uint16_t flags;
	uint64_t transaction;
};

/* The words at the start of the control page. */
enum ring_word { RING_WRITE_INDEX, RING_READ_INDEX, RING_INTERRUPT_MASK, RING_PENDING_SEND };

struct ring {
	struct ring_control *control;
	uint8_t **pages;
	uint32_t size;        /* bytes of data */
	uint32_t index;       /* the host's: of the next packet to read, or to write */
	uint64_t transaction; /* of the packet that was read last */
};

int ring_open(struct ring *ring, struct vm *vm, const uint64_t *frames, uint32_t count);
void ring_close(struct ring *ring);

/*
 * Write one in-band packet. -EAGAIN: no room, and the guest has been asked to
 * signal when there is. @signal: whether the guest must be interrupted.
 */
int ring_write(struct ring *ring, const void *data, size_t length, bool *signal);

/*
 * The same with any header, which may be false. The packet takes 24 bytes more
 * than @length, padded to 8, and has to leave 8.
 */
int ring_put(struct ring *ring, const struct ring_packet *header, const void *data, size_t length,
	     bool *signal);
/* Write anything where the two sides agree on the ring's contents. */
void ring_spoil(struct ring *ring, enum ring_word word, uint32_t value);

/* Between these the guest does not signal that it has written. */
void ring_read_begin(struct ring *ring);
/* Whether something has come in the meantime: then begin again. */
bool ring_read_end(struct ring *ring);
/*
 * Take one packet's payload. 1, 0 if there is none, or -EBADMSG: the guest has
 * broken the ring. @signal is set if the guest waits for the room that got free.
 */
int ring_read(struct ring *ring, void *data, size_t size, size_t *length, bool *signal);

#endif /* HVHOST_RING_H */
