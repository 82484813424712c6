// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's side of a ring, against a guest that is right and one that is hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/hvhost/vmbus/ring.h"

#define PAGE  4096
#define PAGES 3 /* the control page, and two of data */
#define DATA  8192u

/* Bytes that a packet takes beside its payload: its header and its trailer. */
#define OVERHEAD 24

struct control {
	uint32_t write_index, read_index, interrupt_mask, pending_send_size;
	uint32_t reserved[12];
	uint32_t features;
};

static _Alignas(PAGE) uint8_t memory[PAGES][PAGE];
static struct control *const control = (struct control *)memory[0];
static struct ring ring;
static uint8_t got[PAGE];
static size_t got_length;
static bool signal_guest;

/* The data's pages are not in order: frames 0, 2, 1. */
void *guest_memory(struct vm *vm, uint64_t address, size_t length);
void *guest_memory(struct vm *vm, uint64_t address, size_t length)
{
	(void)vm;
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

	(void)state;
	memset(memory, 0, sizeof(memory));
	signal_guest = false;
	return ring_open(&ring, NULL, frames, PAGES);
}

static int teardown(void **state)
{
	(void)state;
	ring_close(&ring);
	return 0;
}

static void guest_puts(uint32_t index, const void *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		*byte_at((index + i) % DATA) = ((const uint8_t *)data)[i];
}

/* A packet with any header, of @whole bytes without its trailer, all of them @fill. */
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

static void packets_pass_across_the_end(void **state)
{
	(void)state;
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

static void written_packets_are_whole(void **state)
{
	static const uint16_t header[8] = {6, 2, 4};

	(void)state;
	for (int i = 0; i < 500; i++) {
		uint32_t start = control->write_index;

		assert_int_equal(host_writes(13, (uint8_t)i), 0);
		for (uint32_t at = 0; at < sizeof(header); at++)
			assert_int_equal(*byte_at((start + at) % DATA),
					 ((const uint8_t *)header)[at]);
		assert_int_equal(*byte_at((start + 16 + 12) % DATA), (uint8_t)i);
		assert_int_equal(*byte_at((start + 16 + 13) % DATA), 0);
		/* The trailer: where the packet began. */
		assert_int_equal(*byte_at((start + 32 + 4) % DATA), start & 0xff);
		assert_int_equal(*byte_at((start + 32 + 5) % DATA), start >> 8);
		assert_int_equal(control->write_index, (start + 40) % DATA);
		control->read_index = control->write_index;
	}
}

static void only_an_empty_ring_is_news(void **state)
{
	(void)state;
	assert_int_equal(host_writes(8, 1), 0);
	assert_true(signal_guest);
	assert_int_equal(host_writes(8, 1), 0);
	assert_false(signal_guest);
	control->read_index = control->write_index;
	control->interrupt_mask = 1;
	assert_int_equal(host_writes(8, 1), 0);
	assert_false(signal_guest);
}

static void a_full_ring_waits_for_room(void **state)
{
	const uint32_t packet = 1000 + OVERHEAD;
	uint32_t count = 0;

	(void)state;
	while (host_writes(1000, 1) == 0)
		count++;
	/* Eight would fill it, and a full ring looks empty. */
	assert_int_equal(count, DATA / packet - 1);
	assert_int_equal(host_writes(1000, 1), -EAGAIN);
	assert_int_equal(control->pending_send_size, packet);
	control->read_index = packet;
	assert_int_equal(host_writes(1000, 1), 0);
	assert_int_equal(control->pending_send_size, 0);
}

static void a_waiting_guest_is_told_once(void **state)
{
	const uint32_t packet = 1000 + OVERHEAD;

	(void)state;
	control->features = 1;
	for (int i = 0; i < 7; i++)
		guest_writes(2, 2 + 125, 16 + 1000, 1);
	control->pending_send_size = 2 * packet;
	/* Room for one, two and three packets: more than it waits for is the third's. */
	assert_int_equal(host_reads(), 1);
	assert_false(signal_guest);
	assert_int_equal(host_reads(), 1);
	assert_true(signal_guest);
	signal_guest = false;
	assert_int_equal(host_reads(), 1);
	assert_false(signal_guest);
}

static void a_guest_without_the_feature_is_not_told(void **state)
{
	(void)state;
	guest_writes(2, 2 + 125, 16 + 1000, 1);
	control->pending_send_size = DATA - 1000;
	assert_int_equal(host_reads(), 1);
	assert_false(signal_guest);
}

static void what_came_while_reading_is_seen(void **state)
{
	(void)state;
	ring_read_begin(&ring);
	assert_int_equal(control->interrupt_mask, 1);
	assert_int_equal(host_reads(), 0);
	guest_writes(2, 3, 24, 1);
	assert_true(ring_read_end(&ring));
	assert_int_equal(control->interrupt_mask, 0);
	assert_int_equal(host_reads(), 1);
	assert_false(ring_read_end(&ring));
}

static void impossible_indices_break_the_ring(void **state)
{
	static const uint32_t indices[] = {4, 8, 16, DATA, DATA + 64, UINT32_MAX, 33};

	(void)state;
	for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		control->write_index = indices[i];
		assert_int_equal(host_reads(), -EBADMSG);
	}
}

static void impossible_packets_break_the_ring(void **state)
{
	static const struct {
		uint16_t offset8, length8;
	} packets[] = {
		{1, 4},      /* the payload begins in the header */
		{0, 0},      /* nothing at all */
		{5, 4},      /* it begins after its end */
		{2, 5},      /* longer than what was written */
		{2, 0xffff}, /* longer than the ring */
		{0xffff, 4},
	};

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		ring_close(&ring);
		assert_int_equal(setup(state), 0);
		guest_writes(packets[i].offset8, packets[i].length8, 32, 1);
		assert_int_equal(host_reads(), -EBADMSG);
	}
}

static void a_packet_longer_than_the_buffer_breaks_the_ring(void **state)
{
	(void)state;
	guest_writes(2, 2 + PAGE / 8 + 1, 16 + PAGE + 8, 1);
	assert_int_equal(host_reads(), -EBADMSG);
}

static void an_impossible_read_index_is_no_room(void **state)
{
	static const uint32_t indices[] = {4, DATA, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		control->read_index = indices[i];
		assert_int_equal(host_writes(8, 1), -EAGAIN);
	}
}

static void the_hosts_own_index_is_not_read_back(void **state)
{
	(void)state;
	assert_int_equal(host_writes(8, 1), 0);
	control->write_index = 4096;
	assert_int_equal(host_writes(8, 1), 0);
	assert_int_equal(control->write_index, 2 * (8 + OVERHEAD));
}

static void a_false_header_is_written_as_it_is(void **state)
{
	static const struct ring_packet lie = {7, 1, 0xffff, 3, UINT64_MAX};
	static const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	bool signal;

	(void)state;
	assert_int_equal(ring_put(&ring, &lie, data, sizeof(data), &signal), 0);
	assert_true(signal);
	for (uint32_t at = 0; at < sizeof(lie); at++)
		assert_int_equal(*byte_at(at), ((const uint8_t *)&lie)[at]);
	assert_int_equal(*byte_at(sizeof(lie)), 1);
	assert_int_equal(control->write_index, sizeof(data) + OVERHEAD);
	/* It takes what it takes, whatever it says. */
	assert_int_equal(ring_put(&ring, &lie, data, DATA - OVERHEAD, &signal), -EAGAIN);
}

static void each_word_is_spoilt_by_its_name(void **state)
{
	(void)state;
	ring_spoil(&ring, RING_WRITE_INDEX, 11);
	ring_spoil(&ring, RING_READ_INDEX, 22);
	ring_spoil(&ring, RING_INTERRUPT_MASK, 33);
	ring_spoil(&ring, RING_PENDING_SEND, 44);
	assert_int_equal(control->write_index, 11);
	assert_int_equal(control->read_index, 22);
	assert_int_equal(control->interrupt_mask, 33);
	assert_int_equal(control->pending_send_size, 44);
}

static void pages_that_are_not_there_are_refused(void **state)
{
	static const uint64_t frames[] = {0, 1, PAGES}, huge[] = {0, UINT64_MAX / PAGE + 1};
	struct ring other;

	(void)state;
	assert_int_equal(ring_open(&other, NULL, frames, 3), -EFAULT);
	assert_int_equal(ring_open(&other, NULL, huge, 2), -EFAULT);
	assert_int_equal(ring_open(&other, NULL, frames, 1), -EINVAL);
	assert_int_equal(ring_open(&other, NULL, frames, RING_PAGES_MAX + 1), -EINVAL);
}

#define ring_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(packets_pass_across_the_end),
		ring_test(written_packets_are_whole),
		ring_test(only_an_empty_ring_is_news),
		ring_test(a_full_ring_waits_for_room),
		ring_test(a_waiting_guest_is_told_once),
		ring_test(a_guest_without_the_feature_is_not_told),
		ring_test(what_came_while_reading_is_seen),
		ring_test(impossible_indices_break_the_ring),
		ring_test(impossible_packets_break_the_ring),
		ring_test(a_packet_longer_than_the_buffer_breaks_the_ring),
		ring_test(an_impossible_read_index_is_no_room),
		ring_test(the_hosts_own_index_is_not_read_back),
		ring_test(a_false_header_is_written_as_it_is),
		ring_test(each_word_is_spoilt_by_its_name),
		ring_test(pages_that_are_not_there_are_refused),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
