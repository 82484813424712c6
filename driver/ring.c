// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rings of a channel. The host can change their contents at any time, so each
 * value is read once, and then checked and used.
 */
#include <linux/hyperv.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "core.h"

/* Return: bytes in the ring that were not read yet, -EIO if an index is invalid. */
static int hvl_ring_available(const struct hv_ring_buffer_info *ring)
{
	u32 read = ring->priv_read_index;
	u32 write;

	/* Pairs with the host's release: the packets up to the index are written. */
	write = virt_load_acquire(&ring->ring_buffer->write_index);
	if (write >= ring->ring_datasize || read >= ring->ring_datasize)
		return -EIO;
	return write >= read ? write - read : ring->ring_datasize - read + write;
}

/**
 * hvl_ring_receive() - remove the next packet from the ring
 * @vmbus: an open channel
 * @rx: filled with as much of the packet as fits, and zeros
 * @length: bytes of the packet in @rx
 *
 * The ring is read here because hv_pkt_iter_first() replaces a length that it rejects
 * with a guess, and its callers can't tell the two apart; 5.10's returns a pointer into
 * the ring. hv_pkt_iter_next() advances by the length in a descriptor of our own, which
 * the host can't change after the check.
 *
 * Return: 1, 0 when the ring is empty, -EIO when it is corrupt.
 */
int hvl_ring_receive(struct vmbus_channel *vmbus, struct hvl_message *rx, u32 *length)
{
	struct hv_ring_buffer_info *ring = &vmbus->inbound;
	int available = hvl_ring_available(ring);
	struct vmpacket_descriptor descriptor;
	u32 size, offset;
	const u8 *packet;

	if (available <= 0)
		return available;
	if (available < sizeof(descriptor) + HVL_TRAILER_SIZE)
		return -EIO;
	/* The ring is mapped twice in a row: a packet never wraps. */
	packet = ring->ring_buffer->buffer + ring->priv_read_index;
	memcpy(&descriptor, packet, sizeof(descriptor));
	/* Use only the copy from here on. */
	barrier();
	size = descriptor.len8 << 3;
	offset = descriptor.offset8 << 3;
	if (offset < sizeof(descriptor) || offset > size ||
	    size + HVL_TRAILER_SIZE > (u32)available)
		return -EIO;
	*length = min_t(u32, size - offset, sizeof(rx->packet));
	memset(rx, 0, sizeof(*rx));
	memcpy(&rx->packet, packet + offset, *length);
	rx->trans_id = descriptor.trans_id;
	/* If another packet follows, this one's space has not been returned to the host yet. */
	if (hv_pkt_iter_next(vmbus, &descriptor))
		hv_pkt_iter_close(vmbus);
	return 1;
}

/**
 * hvl_ring_writable() - check the indices of the ring to the host
 * @vmbus: an open channel
 *
 * The host can also change the guest's index, and hv_ringbuffer_write() does not check
 * it in every kernel.
 *
 * Return: whether both indices are valid.
 */
bool hvl_ring_writable(const struct vmbus_channel *vmbus)
{
	const struct hv_ring_buffer_info *ring = &vmbus->outbound;

	return READ_ONCE(ring->ring_buffer->write_index) < ring->ring_datasize &&
	       READ_ONCE(ring->ring_buffer->read_index) < ring->ring_datasize;
}
