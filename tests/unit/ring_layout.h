/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a VMBus ring as the guest sees it, for the unit tests and the fuzzer of a ring. */
#ifndef RING_LAYOUT_H
#define RING_LAYOUT_H

#include <stdint.h>

#define PAGE  4096u
#define PAGES 3 /* the control page and two data pages */
#define DATA  8192u

/* Bytes that a packet takes in addition to its payload: its header and its trailer. */
#define OVERHEAD 24

/* The control page. In ring.c the fields are atomic. */
struct control {
	uint32_t write_index, read_index, interrupt_mask, pending_send_size;
	uint32_t reserved[12];
	uint32_t features;
};

#endif /* RING_LAYOUT_H */
