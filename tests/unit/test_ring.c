// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's side of a ring, with a well-behaved and with a hostile guest. */
#include <errno.h>
#include <string.h>

#include "ring_layout.h"
#include "tests/hvhost/vmbus/ring.h"
#include "unit.h"

static _Alignas(PAGE) uint8_t memory[PAGES][PAGE];
static struct control *const control = (struct control *)memory[0];
static struct ring ring;
static uint8_t got[PAGE];
static size_t got_length;
static bool signal_guest;

/* The data pages are out of order: frames 0, 2, 1. */
void *guest_memory(struct vm *vm, uint64_t address, size_t length);
void *guest_memory(struct vm *vm, uint64_t address, size_t length)
{
	if (address > sizeof(memory) || length > sizeof(memory) - address)
		return NULL;
	return (uint8_t *)memory + address;
}

static uint8_t *byte_at(uint32_t index)
{
	return &memory[index / PAGE ? 1 : 2][index % PAGE];
}

static int setup(void **state)
{
	static const uint64_t frames[] = {0, 2, 1};

	memset(memory, 0, sizeof(memory));
	signal_guest = false;
	return ring_open(&ring, NULL, frames, PAGES);
}

static int teardown(void **state)
{
	ring_close(&ring);
	return 0;
}

static void guest_puts(uint32_t index, const void *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		*byte_at((index + i) % DATA) = ((const uint8_t *)data)[i];
}

/* A packet of @whole bytes, its trailer excluded, all of them @fill except for the header. */
static void guest_writes(uint16_t offset8, uint16_t length8, uint32_t whole, uint8_t fill)
{
	uint16_t header[8] = {6, offset8, length8};
	uint32_t index = control->write_index;

	for (uint32_t i = 0; i < whole; i++)
		*byte_at((index + i) % DATA) = fill;
	guest_puts(index, header, sizeof(header));
	control->write_index = (index + whole + 8) % DATA;
}

static int host_reads(void)
{
	return ring_read(&ring, got, sizeof(got), &got_length, &signal_guest);
}

static int host_writes(size_t length, uint8_t fill)
{
	uint8_t data[DATA];

	memset(data, fill, sizeof(data));
	return ring_write(&ring, data, length, &signal_guest);
}

static void test_packets_wrap_around(void **state)
{
	for (int i = 0; i < 100; i++) {
		guest_writes(2, 2 + 125, 16 + 1000, (uint8_t)i);
		assert_int_equal(host_reads(), 1);
		assert_int_equal(got_length, 1000);
		assert_int_equal(got[0], i);
		assert_int_equal(got[999], i);
		assert_int_equal(control->read_index, control->write_index);
	}
	assert_int_equal(host_reads(), 0);
}

static void test_written_packets_are_complete(void **state)
{
	static const uint16_t header[8] = {6, 2, 4};

	for (int i = 0; i < 500; i++) {
		uint32_t start = control->write_index;

		assert_int_equal(host_writes(13, (uint8_t)i), 0);
		for (uint32_t at = 0; at < sizeof(header); at++)
			assert_int_equal(*byte_at((start + at) % DATA),
					 ((const uint8_t *)header)[at]);
		assert_int_equal(*byte_at((start + 16 + 12) % DATA), (uint8_t)i);
		assert_int_equal(*byte_at((start + 16 + 13) % DATA), 0);
		/* The trailer has the packet's start offset. */
		assert_int_equal(*byte_at((start + 32 + 4) % DATA), start & 0xff);
		assert_int_equal(*byte_at((start + 32 + 5) % DATA), start >> 8);
		assert_int_equal(control->write_index, (start + 40) % DATA);
		control->read_index = control->write_index;
	}
}

static void test_only_empty_ring_signals_guest(void **state)
{
	assert_int_equal(host_writes(8, 1), 0);
	assert_true(signal_guest);
	assert_int_equal(host_writes(8, 1), 0);
	assert_false(signal_guest);
	control->read_index = control->write_index;
	control->interrupt_mask = 1;
	assert_int_equal(host_writes(8, 1), 0);
	assert_false(signal_guest);
}

static void test_full_ring_sets_pending_size(void **state)
{
	const uint32_t packet = 1000 + OVERHEAD;
	uint32_t count = 0;

	while (host_writes(1000, 1) == 0)
		count++;
	/* Eight would fill the ring, which would be indistinguishable from an empty one. */
	assert_int_equal(count, DATA / packet - 1);
	assert_int_equal(host_writes(1000, 1), -EAGAIN);
	assert_int_equal(control->pending_send_size, packet);
	control->read_index = packet;
	assert_int_equal(host_writes(1000, 1), 0);
	assert_int_equal(control->pending_send_size, 0);
}

static void test_waiting_guest_is_signalled_once(void **state)
{
	const uint32_t packet = 1000 + OVERHEAD;

	control->features = 1;
	for (int i = 0; i < 7; i++)
		guest_writes(2, 2 + 125, 16 + 1000, 1);
	control->pending_send_size = 2 * packet;
	/* Space for one packet is free, then for two, and only then for more than is pending. */
	assert_int_equal(host_reads(), 1);
	assert_false(signal_guest);
	assert_int_equal(host_reads(), 1);
	assert_true(signal_guest);
	signal_guest = false;
	assert_int_equal(host_reads(), 1);
	assert_false(signal_guest);
}

static void test_guest_without_feature_is_not_signalled(void **state)
{
	guest_writes(2, 2 + 125, 16 + 1000, 1);
	control->pending_send_size = DATA - 1000;
	assert_int_equal(host_reads(), 1);
	assert_false(signal_guest);
}

static void test_packet_during_read_is_noticed(void **state)
{
	ring_read_begin(&ring);
	assert_int_equal(control->interrupt_mask, 1);
	assert_int_equal(host_reads(), 0);
	guest_writes(2, 3, 24, 1);
	assert_true(ring_read_end(&ring));
	assert_int_equal(control->interrupt_mask, 0);
	assert_int_equal(host_reads(), 1);
	assert_false(ring_read_end(&ring));
}

static void test_invalid_write_index(void **state)
{
	static const uint32_t indices[] = {4, 8, 16, DATA, DATA + 64, UINT32_MAX, 33};

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
		control->write_index = indices[i];
		assert_int_equal(host_reads(), -EBADMSG);
	}
}

static void test_invalid_packets(void **state)
{
	static const struct {
		uint16_t offset8, length8;
	} packets[] = {
		{1, 4},      /* the payload starts in the header */
		{0, 0},      /* no header */
		{5, 4},      /* the payload starts after the end of the packet */
		{2, 5},      /* longer than what was written */
		{2, 0xffff}, /* longer than the ring */
		{0xffff, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		ring_close(&ring);
		assert_int_equal(setup(state), 0);
		guest_writes(packets[i].offset8, packets[i].length8, 32, 1);
		assert_int_equal(host_reads(), -EBADMSG);
	}
}

static void test_packet_larger_than_buffer(void **state)
{
	guest_writes(2, 2 + PAGE / 8 + 1, 16 + PAGE + 8, 1);
	assert_int_equal(host_reads(), -EBADMSG);
}

static void test_invalid_read_index(void **state)
{
	static const uint32_t indices[] = {4, DATA, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
		control->read_index = indices[i];
		assert_int_equal(host_writes(8, 1), -EAGAIN);
	}
}

static void test_own_index_is_not_read_back(void **state)
{
	assert_int_equal(host_writes(8, 1), 0);
	control->write_index = 4096;
	assert_int_equal(host_writes(8, 1), 0);
	assert_int_equal(control->write_index, 2 * (8 + OVERHEAD));
}

static void test_raw_header_is_written_unchanged(void **state)
{
	static const struct ring_packet header = {7, 1, 0xffff, 3, UINT64_MAX};
	static const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	bool signal;

	assert_int_equal(ring_put(&ring, &header, data, sizeof(data), &signal), 0);
	assert_true(signal);
	for (uint32_t at = 0; at < sizeof(header); at++)
		assert_int_equal(*byte_at(at), ((const uint8_t *)&header)[at]);
	assert_int_equal(*byte_at(sizeof(header)), 1);
	assert_int_equal(control->write_index, sizeof(data) + OVERHEAD);
	/* The space that it takes depends on the data, not on the header. */
	assert_int_equal(ring_put(&ring, &header, data, DATA - OVERHEAD, &signal), -EAGAIN);
}

static void test_set_control_fields(void **state)
{
	ring_set_field(&ring, RING_WRITE_INDEX, 11);
	ring_set_field(&ring, RING_READ_INDEX, 22);
	ring_set_field(&ring, RING_INTERRUPT_MASK, 33);
	ring_set_field(&ring, RING_PENDING_SEND, 44);
	assert_int_equal(control->write_index, 11);
	assert_int_equal(control->read_index, 22);
	assert_int_equal(control->interrupt_mask, 33);
	assert_int_equal(control->pending_send_size, 44);
}

static void test_invalid_pages(void **state)
{
	static const uint64_t frames[] = {0, 1, PAGES}, huge[] = {0, UINT64_MAX / PAGE + 1};
	struct ring other;

	assert_int_equal(ring_open(&other, NULL, frames, 3), -EFAULT);
	assert_int_equal(ring_open(&other, NULL, huge, 2), -EFAULT);
	assert_int_equal(ring_open(&other, NULL, frames, 1), -EINVAL);
	assert_int_equal(ring_open(&other, NULL, frames, RING_PAGES_MAX + 1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_packets_wrap_around),
		TEST(test_written_packets_are_complete),
		TEST(test_only_empty_ring_signals_guest),
		TEST(test_full_ring_sets_pending_size),
		TEST(test_waiting_guest_is_signalled_once),
		TEST(test_guest_without_feature_is_not_signalled),
		TEST(test_packet_during_read_is_noticed),
		TEST(test_invalid_write_index),
		TEST(test_invalid_packets),
		TEST(test_packet_larger_than_buffer),
		TEST(test_invalid_read_index),
		TEST(test_own_index_is_not_read_back),
		TEST(test_raw_header_is_written_unchanged),
		TEST(test_set_control_fields),
		TEST(test_invalid_pages),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
