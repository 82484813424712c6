// SPDX-License-Identifier: GPL-2.0-or-later
/* The packets of a storm: every kind occurs, the seed determines them, and they fit. */
#include <string.h>

#include "tests/hvhost/storm/packet.h"
#include "unit.h"
#include "userspace/shared/wire_host.h"

#define SPACE   12256 /* in the logoff component's rings */
#define PACKETS 20000

static struct storm_maker maker, other_maker;
static struct storm_packet packet, other;

static void test_same_seed_same_packets(void **state)
{
	storm_maker_init(&maker, 7);
	storm_maker_init(&other_maker, 7);
	for (int i = 0; i < PACKETS; i++) {
		storm_make(&maker, &packet, SPACE);
		storm_make(&other_maker, &other, SPACE);
		assert_memory_equal(&packet.header, &other.header, sizeof(packet.header));
		assert_int_equal(packet.length, other.length);
		assert_memory_equal(packet.data, other.data, packet.length);
	}
}

static void test_packets_fit(void **state)
{
	static const size_t spaces[] = {0, 8, 4064, SPACE, STORM_DATA_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		storm_maker_init(&maker, i);
		for (int j = 0; j < PACKETS; j++) {
			storm_make(&maker, &packet, spaces[i]);
			assert_true(packet.length <= spaces[i]);
		}
	}
}

static void test_every_kind_occurs(void **state)
{
	unsigned int answered = 0, fatal = 0, unframed = 0, empty = 0, large = 0, logoff = 0;
	unsigned int target = 0, unterminated = 0, longer = 0, longer_used = 0;

	storm_maker_init(&maker, 1);
	for (int i = 0; i < PACKETS; i++) {
		storm_make(&maker, &packet, SPACE);
		answered += packet.needs_answer;
		fatal += packet.fatal;
		unframed += !packet.framed;
		empty += packet.length == 0;
		large += packet.length == SPACE;
		logoff += strcmp(packet.kind, "logoff") == 0;
		target += strcmp(packet.kind, "target") == 0 && !packet.needs_answer;
		unterminated += strcmp(packet.kind, "unterminated") == 0 && packet.needs_answer;
		longer += strcmp(packet.kind, "longer") == 0 && !packet.needs_answer;
		longer_used += strcmp(packet.kind, "longer") == 0 && packet.needs_answer;
		assert_true(packet.fatal || packet.header.length8 <= (packet.length + 7) / 8 + 2);
	}
	assert_true(answered && fatal && unframed && empty && large && logoff);
	assert_true(target && unterminated && longer && longer_used);
}

static const struct hvl_packet *message_of(const struct storm_packet *from)
{
	return (const struct hvl_packet *)from->data;
}

/* The flags and the growth of version 1.2, valid and invalid, and negotiations of each version. */
static void test_version_1_2_occurs(void **state)
{
	unsigned int offers[ARRAY_SIZE(hvl_message_versions)] = {0};
	unsigned int lingering = 0, no_logins = 0, both = 0, unknown = 0, grown = 0, used = 0;

	storm_maker_init(&maker, 1);
	for (int i = 0; i < PACKETS; i++) {
		const struct hvl_packet *message = message_of(&packet);
		uint32_t flags;

		storm_make(&maker, &packet, SPACE);
		flags = message->body.op.flags;
		if (strcmp(packet.kind, "target") == 0) {
			unknown += packet.needs_answer && flags & 0x10;
			lingering += !packet.needs_answer && flags & HV_LOGOFF_INCLUDE_LINGERING;
			no_logins += !packet.needs_answer && flags & HV_LOGOFF_NO_LOGINS;
			both += !packet.needs_answer && flags & HV_LOGOFF_NO_LOGINS &&
				flags & HV_LOGOFF_INCLUDE_LINGERING;
		} else if (strcmp(packet.kind, "longer") == 0 &&
			   message->header.size > sizeof(struct hvl_target) &&
			   message->body.op.op == HVL_OP_TARGET && !(flags & 0x10)) {
			grown += !packet.needs_answer;
			used += packet.needs_answer;
		} else if (strcmp(packet.kind, "negotiation") == 0) {
			offers[message->body.negotiate.message_count - 1]++;
		}
	}
	assert_true(lingering && no_logins && both && unknown);
	assert_true(grown && used);
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		assert_true(offers[i]);
}

static void frame(const struct hvl_packet *message)
{
	packet.length = hvl_packet_size(message);
	memcpy(packet.data, message, packet.length);
	storm_frame(&packet);
}

/* A packet needs an answer if the guest must answer it at once. */
static void test_needs_answer(void **state)
{
	struct hvl_packet message;

	hvl_build_op(&message, 1, HVL_OP_QUERY, 1);
	memset(&packet, 0, sizeof(packet));
	frame(&message);
	assert_true(packet.needs_answer);
	assert_int_equal(packet.header.length8, 2 + (28 + 16 + 7) / 8);

	hvl_build_op(&message, 1, HVL_OP_LOGOFF, 1);
	message.body.logoff.timeout = 1;
	frame(&message);
	assert_false(packet.needs_answer);

	packet.length--;
	storm_frame(&packet);
	/* The padding restores the byte that was cut off, a NUL. */
	assert_false(packet.needs_answer);
	packet.length -= 8;
	storm_frame(&packet);
	assert_true(packet.needs_answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_packets),
		cmocka_unit_test(test_packets_fit),
		cmocka_unit_test(test_every_kind_occurs),
		cmocka_unit_test(test_version_1_2_occurs),
		cmocka_unit_test(test_needs_answer),
	};

	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
