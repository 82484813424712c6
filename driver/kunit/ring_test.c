// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets from a ring whose memory belongs to the host.
 */
#include <linux/hyperv.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include <kunit/test.h>

#include "../core.h"

#define DATA_SIZE	8192
#define DESCRIPTOR	sizeof(struct vmpacket_descriptor)
#define TRANS_ID	77

/* Bytes of two packets without the trailer, and a length that the ring can't hold. */
#define SHORT		(DESCRIPTOR + 32)
#define LONG		(DESCRIPTOR + 1024)
#define IMPOSSIBLE	0x7fff8

/* How many changes of the host must have been seen: some of them are between two reads. */
#define CHANGES		2000

/**
 * struct rings - a channel without a host
 * @vmbus: only its inbound ring is used
 * @rx: the message that was received last
 * @length: bytes of it
 */
struct rings {
	struct vmbus_channel vmbus;
	struct hvl_message rx;
	u32 length;
};

static int rings_init(struct kunit *test)
{
	struct rings *rings = kunit_kzalloc(test, sizeof(*rings), GFP_KERNEL);
	struct hv_ring_buffer_info *ring;

	if (!rings)
		return -ENOMEM;
	test->priv = rings;
	ring = &rings->vmbus.inbound;
	/* The data is mapped twice in a row. No case needs both mappings of a byte. */
	ring->ring_buffer = kunit_kzalloc(test, sizeof(*ring->ring_buffer) + 2 * DATA_SIZE,
					  GFP_KERNEL);
	/* hv_pkt_iter_next() copies the packet that follows to it. */
	ring->pkt_buffer = kunit_kzalloc(test, DATA_SIZE, GFP_KERNEL);
	if (!ring->ring_buffer || !ring->pkt_buffer)
		return -ENOMEM;
	ring->ring_datasize = DATA_SIZE;
	ring->pkt_buffer_size = DATA_SIZE;
	return 0;
}

static struct vmpacket_descriptor *descriptor_at(struct kunit *test, u32 index)
{
	struct rings *rings = test->priv;

	return (void *)(rings->vmbus.inbound.ring_buffer->buffer + index);
}

/* The only packet in the ring is at @index, has @size bytes, and each of its body is 'x'. */
static void host_writes(struct kunit *test, u32 index, u32 size)
{
	struct rings *rings = test->priv;
	struct hv_ring_buffer_info *ring = &rings->vmbus.inbound;
	struct vmpacket_descriptor *descriptor = descriptor_at(test, index);

	memset(descriptor, 'x', size);
	descriptor->type = VM_PKT_DATA_INBAND;
	descriptor->offset8 = DESCRIPTOR >> 3;
	descriptor->len8 = size >> 3;
	descriptor->flags = 0;
	descriptor->trans_id = TRANS_ID;
	ring->priv_read_index = index;
	ring->ring_buffer->read_index = index;
	ring->ring_buffer->write_index = (index + size + HVL_TRAILER_SIZE) % DATA_SIZE;
}

static int receive(struct kunit *test)
{
	struct rings *rings = test->priv;

	return hvl_ring_receive(&rings->vmbus, &rings->rx, &rings->length);
}

static void packet_is_removed(struct kunit *test)
{
	struct rings *rings = test->priv;
	const struct hv_ring_buffer_info *ring = &rings->vmbus.inbound;

	host_writes(test, 64, LONG);
	KUNIT_EXPECT_EQ(test, receive(test), 1);
	KUNIT_EXPECT_EQ(test, rings->length, LONG - DESCRIPTOR);
	KUNIT_EXPECT_EQ(test, rings->rx.trans_id, TRANS_ID);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(&rings->rx.packet, 'x', sizeof(rings->rx.packet)),
			    (u8 *)&rings->rx.packet + rings->length);
	KUNIT_EXPECT_EQ(test, ring->ring_buffer->read_index, ring->ring_buffer->write_index);
	KUNIT_EXPECT_EQ(test, receive(test), 0);
}

static void packet_continues_at_the_start_of_the_ring(struct kunit *test)
{
	struct rings *rings = test->priv;
	const struct hv_ring_buffer_info *ring = &rings->vmbus.inbound;

	host_writes(test, DATA_SIZE - 64, LONG);
	KUNIT_EXPECT_EQ(test, receive(test), 1);
	KUNIT_EXPECT_EQ(test, rings->length, LONG - DESCRIPTOR);
	KUNIT_EXPECT_EQ(test, ring->priv_read_index, LONG + HVL_TRAILER_SIZE - 64);
	KUNIT_EXPECT_EQ(test, receive(test), 0);
}

static void longer_packet_is_cut_and_removed(struct kunit *test)
{
	struct rings *rings = test->priv;

	host_writes(test, 0, DATA_SIZE / 2);
	KUNIT_EXPECT_EQ(test, receive(test), 1);
	KUNIT_EXPECT_EQ(test, rings->length, HVL_PACKET_MAX);
	KUNIT_EXPECT_EQ(test, receive(test), 0);
}

static void impossible_sizes_and_indices_are_errors(struct kunit *test)
{
	static const struct {
		u32 offset, size, write, read;
	} cases[] = {
		{ DESCRIPTOR, SHORT, DATA_SIZE, 0 },
		{ DESCRIPTOR, SHORT, ~0U, 0 },
		{ DESCRIPTOR, SHORT, 8, DATA_SIZE },
		{ DESCRIPTOR, SHORT, SHORT, 0 },
		{ DESCRIPTOR, SHORT, DESCRIPTOR, 0 },
		{ DESCRIPTOR, SHORT, 1, 0 },
		{ DESCRIPTOR, IMPOSSIBLE, DATA_SIZE - 8, 0 },
		{ DESCRIPTOR, 0, DATA_SIZE - 8, 0 },
		{ DESCRIPTOR, DESCRIPTOR - 8, DATA_SIZE - 8, 0 },
		{ DESCRIPTOR - 8, SHORT, DATA_SIZE - 8, 0 },
		{ 0, SHORT, DATA_SIZE - 8, 0 },
		{ SHORT + 8, SHORT, DATA_SIZE - 8, 0 },
		{ IMPOSSIBLE, SHORT, DATA_SIZE - 8, 0 },
	};
	struct rings *rings = test->priv;
	struct hv_ring_buffer_info *ring = &rings->vmbus.inbound;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		host_writes(test, 0, SHORT);
		descriptor_at(test, 0)->offset8 = cases[i].offset >> 3;
		descriptor_at(test, 0)->len8 = cases[i].size >> 3;
		ring->ring_buffer->write_index = cases[i].write;
		ring->priv_read_index = cases[i].read;
		KUNIT_EXPECT_EQ_MSG(test, receive(test), -EIO, "case %u", i);
		KUNIT_EXPECT_EQ(test, ring->priv_read_index, cases[i].read);
		KUNIT_EXPECT_EQ(test, ring->ring_buffer->read_index, 0);
	}
}

/* The host changes the length of the packet at index 0 all the time. */
static int host_changes_the_length(void *data)
{
	static const u32 sizes[] = { SHORT, IMPOSSIBLE, LONG };
	struct vmpacket_descriptor *descriptor = data;
	unsigned int i = 0;

	while (!kthread_should_stop()) {
		WRITE_ONCE(descriptor->len8, sizes[i++ % ARRAY_SIZE(sizes)] >> 3);
		cond_resched();
	}
	return 0;
}

/* One length is used for the check, for the copy and for the next index. */
static void length_is_read_once(struct kunit *test)
{
	struct rings *rings = test->priv;
	struct hv_ring_buffer_info *ring = &rings->vmbus.inbound;
	u32 received, previous = 0, next;
	struct task_struct *host;
	unsigned int changes = 0;
	bool once = true;
	int ret;

	host_writes(test, 0, LONG);
	host = kthread_run(host_changes_the_length, descriptor_at(test, 0), "hv_logoff_host");
	KUNIT_ASSERT_FALSE(test, IS_ERR(host));
	while (once && changes < CHANGES) {
		ring->priv_read_index = 0;
		ret = receive(test);
		received = ret == 1 ? DESCRIPTOR + rings->length : 0;
		next = received ? received + HVL_TRAILER_SIZE : 0;
		once = (received == SHORT || received == LONG || ret == -EIO) &&
		       ring->priv_read_index == next;
		changes += received != previous;
		previous = received;
		cond_resched();
	}
	kthread_stop(host);
	KUNIT_EXPECT_TRUE_MSG(test, once, "returned %d, %u bytes, next index %u", ret, received,
			      ring->priv_read_index);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(packet_is_removed),
	KUNIT_CASE(packet_continues_at_the_start_of_the_ring),
	KUNIT_CASE(longer_packet_is_cut_and_removed),
	KUNIT_CASE(impossible_sizes_and_indices_are_errors),
	KUNIT_CASE(length_is_read_once),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "hv_logoff_ring",
	.init = rings_init,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);
