// SPDX-License-Identifier: GPL-2.0-or-later
/* What a storm sends: all that it promises, the same for the same seed, and no more than fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/hvhost/storm/packet.h"
#include "userspace/shared/wire_host.h"

#define ROOM    12256 /* of the logoff component's rings */
#define PACKETS 20000

static struct storm_maker maker, other_maker;
static struct storm_packet packet, other;

static void same_seed_same_packets(void **state)
{
	(void)state;
	storm_maker_init(&maker, 7);
	storm_maker_init(&other_maker, 7);
	for (int i = 0; i < PACKETS; i++) {
		storm_make(&maker, &packet, ROOM);
		storm_make(&other_maker, &other, ROOM);
		assert_memory_equal(&packet.header, &other.header, sizeof(packet.header));
		assert_int_equal(packet.length, other.length);
		assert_memory_equal(packet.data, other.data, packet.length);
	}
}

static void no_more_than_fits(void **state)
{
	static const size_t rooms[] = {0, 8, 4064, ROOM, STORM_DATA_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		storm_maker_init(&maker, i);
		for (int j = 0; j < PACKETS; j++) {
			storm_make(&maker, &packet, rooms[i]);
			assert_true(packet.length <= rooms[i]);
		}
	}
}

static void every_sort_is_there(void **state)
{
	unsigned int owed = 0, fatal = 0, unframed = 0, empty = 0, large = 0, logoff = 0;
	unsigned int target = 0, unterminated = 0;

	(void)state;
	storm_maker_init(&maker, 1);
	for (int i = 0; i < PACKETS; i++) {
		storm_make(&maker, &packet, ROOM);
		owed += packet.owed;
		fatal += packet.fatal;
		unframed += !packet.framed;
		empty += packet.length == 0;
		large += packet.length == ROOM;
		logoff += strcmp(packet.kind, "logoff") == 0;
		target += strcmp(packet.kind, "target") == 0 && !packet.owed;
		unterminated += strcmp(packet.kind, "unterminated") == 0 && packet.owed;
		assert_true(packet.fatal || packet.header.length8 <= (packet.length + 7) / 8 + 2);
	}
	assert_true(owed && fatal && unframed && empty && large && logoff);
	assert_true(target && unterminated);
}

/* The guest's part is known: what it must answer at once, and what it need not. */
static void answers_that_are_owed(void **state)
{
	struct hvl_packet message;

	(void)state;
	hvl_build_op(&message, 1, HVL_OP_QUERY, 1);
	memset(&packet, 0, sizeof(packet));
	packet.length = hvl_packet_size(&message);
	memcpy(packet.data, &message, packet.length);
	storm_frame(&packet);
	assert_true(packet.owed);
	assert_int_equal(packet.header.length8, 2 + (28 + 16 + 7) / 8);

	hvl_build_op(&message, 1, HVL_OP_LOGOFF, 1);
	message.body.logoff.timeout = 1;
	packet.length = hvl_packet_size(&message);
	memcpy(packet.data, &message, packet.length);
	storm_frame(&packet);
	assert_false(packet.owed);

	packet.length--;
	storm_frame(&packet);
	assert_false(packet.owed); /* it is padded again with what it has lost, a NUL */
	packet.length -= 8;
	storm_frame(&packet);
	assert_true(packet.owed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_packets),
		cmocka_unit_test(no_more_than_fits),
		cmocka_unit_test(every_sort_is_there),
		cmocka_unit_test(answers_that_are_owed),
	};

	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
