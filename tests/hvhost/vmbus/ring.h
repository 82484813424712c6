/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host side of one of a channel's two ring buffers. The guest may write
 * anything into it at any time: every value is read once into a local copy and
 * then checked, and the host's own index is never read back.
 */
#ifndef HVHOST_RING_H
#define HVHOST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_PAGES_MAX 1024

#define VM_PKT_DATA_INBAND 6 /* the only type of struct ring_packet that components use */

struct vm;
struct ring_control;

/* A packet descriptor: struct vmpacket_descriptor of the kernel. */
struct ring_packet {
	uint16_t type;
	uint16_t offset8; /* of the payload, in units of 8 bytes */
	uint16_t length8; /* without the trailer, in units of 8 bytes */
	uint16_t flags;
	uint64_t transaction;
};

/* Fields of the control page. */
enum ring_field { RING_WRITE_INDEX, RING_READ_INDEX, RING_INTERRUPT_MASK, RING_PENDING_SEND };

struct ring {
	struct ring_control *control;
	uint8_t **pages;
	uint32_t size;        /* bytes, without the control page */
	uint32_t index;       /* the host's own: where it reads or writes next */
	uint64_t transaction; /* of the last packet that was read */
};

/* -EINVAL or -EFAULT if the guest has no such pages, or too few or too many. */
int ring_open(struct ring *ring, struct vm *vm, const uint64_t *pfns, uint32_t count);
void ring_close(struct ring *ring);

/*
 * Writes one in-band packet. -EAGAIN: there is no space, and pending_send_sz is
 * set so that the guest signals when there is. Sets @signal if the guest must
 * be interrupted.
 */
int ring_write(struct ring *ring, const void *data, size_t length, bool *signal);

/*
 * The same with any header, valid or not. The packet takes @length, rounded up
 * to 8 bytes, plus 24 bytes; 8 bytes of the ring must stay free.
 */
int ring_put(struct ring *ring, const struct ring_packet *header, const void *data, size_t length,
	     bool *signal);
/* Overwrites a field of the control page, whichever side owns it. */
void ring_set_field(struct ring *ring, enum ring_field field, uint32_t value);

/* Sets the interrupt mask: until ring_read_end() the guest does not signal its writes. */
void ring_read_begin(struct ring *ring);
/* Returns true if the guest has written in the meantime: read again. */
bool ring_read_end(struct ring *ring);
/*
 * Reads one packet's payload. Returns 1, 0 if there is no packet, or -EBADMSG
 * if the ring is corrupt. Sets @signal if the guest waits for the space that was
 * freed.
 */
int ring_read(struct ring *ring, void *data, size_t size, size_t *length, bool *signal);

#endif /* HVHOST_RING_H */
