// SPDX-License-Identifier: GPL-2.0-or-later
#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define TRAILER 8 /* the upper half is the index of the packet's start */

#define FEATURE_PENDING_SEND 1

struct ring_control {
	_Atomic uint32_t write_index;
	_Atomic uint32_t read_index;
	_Atomic uint32_t interrupt_mask;
	_Atomic uint32_t pending_send_size;
	uint32_t reserved[12];
	_Atomic uint32_t features;
};

_Static_assert(offsetof(struct ring_control, features) == 64, "struct hv_ring_buffer");
_Static_assert(sizeof(struct ring_packet) == 16, "no padding");

int ring_open(struct ring *ring, struct vm *vm, const uint64_t *pfns, uint32_t count)
{
	_cleanup_free_ uint8_t **pages = NULL;

	if (count < 2 || count > RING_PAGES_MAX)
		return -EINVAL;
	pages = calloc(count, sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (pfns[i] > UINT64_MAX / PAGE)
			return -EFAULT;
		pages[i] = guest_memory(vm, pfns[i] * PAGE, PAGE);
		if (!pages[i])
			return -EFAULT;
	}
	*ring = (struct ring){.control = (struct ring_control *)pages[0],
			      .pages = pages,
			      .size = (count - 1) * PAGE};
	pages = NULL;
	return 0;
}

void ring_close(struct ring *ring)
{
	free(ring->pages);
	*ring = (struct ring){0};
}

static uint32_t advance(const struct ring *ring, uint32_t index, uint32_t length)
{
	return (index + length) % ring->size;
}

/* Sets @piece to the number of bytes, up to @length, that are contiguous in memory. */
static uint8_t *piece_at(const struct ring *ring, uint32_t index, size_t length, size_t *piece)
{
	*piece = MIN(length, PAGE - index % PAGE);
	return ring->pages[1 + index / PAGE] + index % PAGE;
}

static void copy_out(const struct ring *ring, uint32_t index, void *data, size_t length)
{
	for (size_t done = 0, piece; done < length; done += piece) {
		const uint8_t *from =
			piece_at(ring, advance(ring, index, (uint32_t)done), length - done, &piece);

		memcpy((uint8_t *)data + done, from, piece);
	}
}

static void copy_in(struct ring *ring, uint32_t index, const void *data, size_t length)
{
	for (size_t done = 0, piece; done < length; done += piece) {
		uint8_t *to =
			piece_at(ring, advance(ring, index, (uint32_t)done), length - done, &piece);

		memcpy(to, (const uint8_t *)data + done, piece);
	}
}

/* Bytes from @start to @end, across the end of the ring if necessary. */
static uint32_t distance(const struct ring *ring, uint32_t start, uint32_t end)
{
	return end >= start ? end - start : ring->size - start + end;
}

static bool is_index(const struct ring *ring, uint32_t index)
{
	return index < ring->size && index % 8 == 0;
}

/* A completely full ring would look empty: a packet must leave some free space. */
static bool has_space(struct ring *ring, uint32_t total)
{
	uint32_t read_index = atomic_load(&ring->control->read_index);

	if (!is_index(ring, read_index))
		return false;
	return ring->size - distance(ring, read_index, ring->index) > total;
}

/* Checks again after setting pending_send_size: the guest may have freed space before that. */
static bool wait_for_space(struct ring *ring, uint32_t total)
{
	if (has_space(ring, total))
		return true;
	atomic_store(&ring->control->pending_send_size, total);
	return has_space(ring, total);
}

int ring_write(struct ring *ring, const void *data, size_t length, bool *signal)
{
	struct ring_packet header = {.type = VM_PKT_DATA_INBAND,
				     .offset8 = sizeof(header) / 8,
				     .length8 = (uint16_t)((sizeof(header) + length + 7) / 8)};

	return ring_put(ring, &header, data, length, signal);
}

int ring_put(struct ring *ring, const struct ring_packet *header, const void *data, size_t length,
	     bool *signal)
{
	uint32_t padded = (uint32_t)(length + 7) & ~7U;
	uint32_t total = (uint32_t)sizeof(*header) + padded + TRAILER;
	uint32_t start = ring->index;
	uint64_t trailer = (uint64_t)start << 32, zero = 0;

	*signal = false;
	if (!wait_for_space(ring, total))
		return -EAGAIN;
	atomic_store(&ring->control->pending_send_size, 0);
	copy_in(ring, start, header, sizeof(*header));
	copy_in(ring, advance(ring, start, sizeof(*header)), data, length);
	copy_in(ring, advance(ring, start, (uint32_t)(sizeof(*header) + length)), &zero,
		padded - length);
	copy_in(ring, advance(ring, start, total - TRAILER), &trailer, TRAILER);

	ring->index = advance(ring, start, total);
	atomic_store(&ring->control->write_index, ring->index);
	/* Interrupt only if the ring was empty and the guest has not masked interrupts. */
	*signal = !atomic_load(&ring->control->interrupt_mask) &&
		  atomic_load(&ring->control->read_index) == start;
	return 0;
}

void ring_set_field(struct ring *ring, enum ring_field field, uint32_t value)
{
	_Atomic uint32_t *const fields[] = {
		[RING_WRITE_INDEX] = &ring->control->write_index,
		[RING_READ_INDEX] = &ring->control->read_index,
		[RING_INTERRUPT_MASK] = &ring->control->interrupt_mask,
		[RING_PENDING_SEND] = &ring->control->pending_send_size,
	};

	atomic_store(fields[field], value);
}

void ring_read_begin(struct ring *ring)
{
	atomic_store(&ring->control->interrupt_mask, 1);
}

bool ring_read_end(struct ring *ring)
{
	atomic_store(&ring->control->interrupt_mask, 0);
	return atomic_load(&ring->control->write_index) != ring->index;
}

/* True only for the read that makes enough space for what the guest wants to write. */
static bool guest_waits(struct ring *ring, uint32_t write_index, uint32_t freed)
{
	uint32_t space = ring->size - distance(ring, ring->index, write_index);
	uint32_t wanted;

	if (!(atomic_load(&ring->control->features) & FEATURE_PENDING_SEND))
		return false;
	wanted = atomic_load(&ring->control->pending_send_size);
	return wanted && space > wanted && space - freed <= wanted;
}

int ring_read(struct ring *ring, void *data, size_t size, size_t *length, bool *signal)
{
	uint32_t write_index = atomic_load(&ring->control->write_index);
	uint32_t available = distance(ring, ring->index, write_index);
	struct ring_packet header;
	uint32_t whole, offset;

	if (write_index == ring->index)
		return 0;
	if (!is_index(ring, write_index) || available < sizeof(header) + TRAILER)
		return -EBADMSG;
	copy_out(ring, ring->index, &header, sizeof(header));
	whole = header.length8 * 8U;
	offset = header.offset8 * 8U;
	if (offset < sizeof(header) || offset > whole || whole + TRAILER > available ||
	    whole - offset > size)
		return -EBADMSG;
	*length = whole - offset;
	ring->transaction = header.transaction;
	copy_out(ring, advance(ring, ring->index, offset), data, *length);

	ring->index = advance(ring, ring->index, whole + TRAILER);
	atomic_store(&ring->control->read_index, ring->index);
	if (guest_waits(ring, atomic_load(&ring->control->write_index) % ring->size,
			whole + TRAILER))
		*signal = true;
	return 1;
}
