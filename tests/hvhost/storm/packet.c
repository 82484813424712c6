// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet.h"

#include <string.h>

#include "tests/hvhost/util.h"
#include "userspace/shared/wire_host.h"

#define CLAIM_MAX 0xffff

/* SplitMix64 (Steele, Lea, Flood): the same sequence on every machine. */
uint32_t random_bits(struct storm_random *random)
{
	uint64_t mixed = random->state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((mixed ^ mixed >> 31) >> 32);
}

uint32_t random_below(struct storm_random *random, uint32_t limit)
{
	return (uint32_t)((uint64_t)random_bits(random) * limit >> 32);
}

static void random_fill(struct storm_random *random, void *data, size_t length)
{
	uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)random_bits(random);
}

/* A new id, or with a probability of 1/2 one that was used before. Never 0. */
static uint64_t pick_id(struct storm_maker *maker)
{
	uint64_t *id = &maker->ids[random_below(&maker->random, STORM_IDS)];

	if (random_below(&maker->random, 2))
		*id = (uint64_t)random_bits(&maker->random) << 32 | random_bits(&maker->random) | 1;
	return *id;
}

static void set(struct storm_packet *packet, const struct hvl_packet *message)
{
	packet->length = hvl_packet_size(message);
	memcpy(packet->data, message, packet->length);
}

static struct hvl_header *header_of(struct storm_packet *packet)
{
	return (struct hvl_header *)packet->data;
}

static void make_op(struct storm_maker *maker, struct storm_packet *packet, enum hvl_op op)
{
	struct hvl_packet message;

	hvl_build_op(&message, ++maker->transaction, op, pick_id(maker));
	set(packet, &message);
}

static void make_query(struct storm_maker *maker, struct storm_packet *packet)
{
	make_op(maker, packet, HVL_OP_QUERY);
}

static void make_cancel(struct storm_maker *maker, struct storm_packet *packet)
{
	make_op(maker, packet, HVL_OP_CANCEL);
}

/* The timeout is short, to bound the storm's duration. The message is random bytes. */
static void build_logoff(struct storm_maker *maker, struct hvl_packet *message, enum hvl_op op)
{
	struct storm_random *random = &maker->random;
	struct hvl_logoff *body = &message->body.logoff;

	hvl_build_op(message, ++maker->transaction, op, pick_id(maker));
	body->header.flags = random_below(random, 2) ? HV_LOGOFF_FORCE : 0;
	body->timeout = 1 + random_below(random, 3);
	body->grace = random_below(random, body->timeout);
	random_fill(random, body->message, random_below(random, sizeof(body->message)));
	body->message[sizeof(body->message) - 1] = 0;
}

static void make_logoff(struct storm_maker *maker, struct storm_packet *packet)
{
	struct hvl_packet message;

	build_logoff(maker, &message, HVL_OP_LOGOFF);
	set(packet, &message);
}

/* The target is everyone, or a random user or session that no guest has. */
static void make_target(struct storm_maker *maker, struct storm_packet *packet)
{
	struct storm_random *random = &maker->random;
	struct hvl_packet message;
	struct hvl_target *body = &message.body.target;

	build_logoff(maker, &message, HVL_OP_TARGET);
	/* All flags, and one that does not exist. */
	body->logoff.header.flags |= random_below(random, 32) & ~HV_LOGOFF_FORCE;
	random_fill(random, body->user, random_below(random, sizeof(body->user)));
	random_fill(random, body->session, random_below(random, sizeof(body->session)));
	body->user[random_below(random, sizeof(body->user))] = 0;
	set(packet, &message);
}

/* One of the three texts has no NUL. */
static void make_unterminated(struct storm_maker *maker, struct storm_packet *packet)
{
	struct hvl_packet message;
	struct hvl_target *body = &message.body.target;
	const struct {
		char *text;
		size_t size;
	} texts[] = {{body->logoff.message, sizeof(body->logoff.message)},
		     {body->user, sizeof(body->user)},
		     {body->session, sizeof(body->session)}};
	uint32_t which = random_below(&maker->random, ARRAY_SIZE(texts));

	build_logoff(maker, &message, HVL_OP_TARGET);
	memset(texts[which].text, 'x', texts[which].size);
	set(packet, &message);
}

/* Later requests of the storm are refused if the highest version that is offered lacks them. */
static void make_negotiation(struct storm_maker *maker, struct storm_packet *packet)
{
	uint32_t first = random_below(&maker->random, ARRAY_SIZE(hvl_message_versions));
	struct hvl_packet message;

	hvl_build_negotiate(&message, ++maker->transaction, hvl_message_versions + first,
			    ARRAY_SIZE(hvl_message_versions) - first);
	set(packet, &message);
}

static void make_valid(struct storm_maker *maker, struct storm_packet *packet)
{
	static void (*const makers[])(struct storm_maker *, struct storm_packet *) = {
		make_query, make_cancel, make_logoff, make_target, make_negotiation};

	makers[random_below(&maker->random, ARRAY_SIZE(makers))](maker, packet);
}

/* Random versions, and counts that do not match the size. */
static void make_invalid_negotiation(struct storm_maker *maker, struct storm_packet *packet)
{
	static const uint16_t counts[] = {0, 1, 2, 3, 31, 32, 33, 0x7fff, 0xffff};
	struct storm_random *random = &maker->random;
	struct hvl_packet message;
	struct hvl_negotiate *body = &message.body.negotiate;

	hvl_packet_init(&message, HVL_MSGTYPE_NEGOTIATE,
			(uint16_t)random_below(random, sizeof(*body) + 1), ++maker->transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	random_fill(random, body, message.header.size);
	body->framework_count = counts[random_below(random, ARRAY_SIZE(counts))];
	body->message_count = counts[random_below(random, ARRAY_SIZE(counts))];
	set(packet, &message);
}

/* A message that only a guest may send. */
static void make_guest_message(struct storm_maker *maker, struct storm_packet *packet)
{
	struct storm_random *random = &maker->random;
	uint32_t op = HVL_OP_CANCEL + random_below(random, 6);
	struct hvl_packet message;
	struct hvl_report *body = &message.body.report;

	hvl_packet_init(&message, HVL_MSGTYPE_LOGOFF,
			op == HVL_OP_SESSION ? sizeof(struct hvl_session) : sizeof(*body),
			++maker->transaction, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE);
	body->header.op = op;
	body->header.id = pick_id(maker);
	body->state = random_below(random, HV_LOGOFF_DONE + 2);
	body->percent = random_below(random, 102);
	set(packet, &message);
}

static void make_mutated(struct storm_maker *maker, struct storm_packet *packet)
{
	struct storm_random *random = &maker->random;

	make_valid(maker, packet);
	for (uint32_t i = 1 + random_below(random, 4); i; i--) {
		/* Most bytes are the message for the users: prefer the fields before it. */
		bool fields = random_below(random, 4);
		uint32_t limit = (uint32_t)(fields ? MIN(packet->length, 52) : packet->length);

		packet->data[random_below(random, limit)] = (uint8_t)random_bits(random);
	}
}

/* One of the three sizes (IC header, pipe header, packet) is wrong. */
static void make_wrong_size(struct storm_maker *maker, struct storm_packet *packet)
{
	static const uint32_t sizes[] = {0, 1, 19, 20, 21, 0x7fff, 0xffff, 0x10000, UINT32_MAX};
	struct storm_random *random = &maker->random;
	uint32_t size = sizes[random_below(random, ARRAY_SIZE(sizes))];
	size_t missing = 1 + random_below(random, 64);

	make_valid(maker, packet);
	switch (random_below(random, 5)) {
	case 0:
		header_of(packet)->size = (uint16_t)size;
		break;
	case 1:
		header_of(packet)->pipe_size = size;
		break;
	case 2:
		header_of(packet)->size += (uint16_t)(random_below(random, 17) - 8);
		break;
	case 3:
		packet->length -= MIN(packet->length, missing);
		break;
	default:
		packet->length += missing;
	}
}

/* Fields of a later version follow the message: zeros, or a byte that is not. */
static void make_longer(struct storm_maker *maker, struct storm_packet *packet)
{
	struct storm_random *random = &maker->random;
	size_t before, more;

	make_valid(maker, packet);
	before = packet->length;
	more = 1 + random_below(random, (uint32_t)(HVL_PACKET_MAX - before));
	memset(packet->data + before, 0, more);
	if (random_below(random, 2))
		packet->data[before + random_below(random, (uint32_t)more)] = 1;
	packet->length += more;
	header_of(packet)->size += (uint16_t)more;
	header_of(packet)->pipe_size += (uint32_t)more;
}

static void make_truncated(struct storm_maker *maker, struct storm_packet *packet)
{
	make_valid(maker, packet);
	packet->length = random_below(&maker->random, sizeof(struct hvl_header));
}

static void make_oversized(struct storm_maker *maker, struct storm_packet *packet)
{
	struct storm_random *random = &maker->random;

	make_valid(maker, packet);
	packet->length =
		HVL_PACKET_MAX + 1 + random_below(random, sizeof(packet->data) - HVL_PACKET_MAX);
	if (random_below(random, 2)) {
		header_of(packet)->size = (uint16_t)(packet->length - sizeof(struct hvl_header));
		header_of(packet)->pipe_size = HVL_IC_HEADER_SIZE + header_of(packet)->size;
	}
}

static void make_replay(struct storm_maker *maker, struct storm_packet *packet)
{
	uint32_t which = random_below(&maker->random, STORM_HISTORY);

	packet->length = maker->history[which].length;
	memcpy(packet->data, maker->history[which].data, packet->length);
}

static void make_noise(struct storm_maker *maker, struct storm_packet *packet)
{
	packet->length = random_below(&maker->random, HVL_PACKET_MAX);
	random_fill(&maker->random, packet->data, packet->length);
}

static void falsify_type(struct storm_maker *maker, struct storm_packet *packet)
{
	packet->header.type = (uint16_t)random_below(&maker->random, 16);
	packet->header.flags = (uint16_t)random_bits(&maker->random);
}

/* Kernels differ in how they handle it: no answer is required. */
static void falsify_offset(struct storm_maker *maker, struct storm_packet *packet)
{
	uint16_t length8 = packet->header.length8;
	const uint16_t offsets[] = {0, 1, 3, 4, length8, length8 + 1, CLAIM_MAX};

	packet->header.offset8 = offsets[random_below(&maker->random, ARRAY_SIZE(offsets))];
	packet->needs_answer = false;
}

/* The header claims more than was written: 8 or 16 bytes more, 64 KiB, or 512 KiB. */
static void claim_more(struct storm_maker *maker, struct storm_packet *packet)
{
	uint16_t length8 = packet->header.length8;
	const uint16_t lengths[] = {length8 + 1, length8 + 2, 0x2000, CLAIM_MAX};

	packet->header.length8 = lengths[random_below(&maker->random, ARRAY_SIZE(lengths))];
	packet->fatal = true;
}

/* The header claims less than was written: the guest reads the rest as the next packet. */
static void claim_less(struct storm_maker *maker, struct storm_packet *packet)
{
	packet->header.length8 = (uint16_t)random_below(&maker->random, packet->header.length8);
	packet->framed = false;
	packet->fatal = packet->header.length8 < sizeof(packet->header) / 8;
}

static const struct {
	const char *name;
	unsigned int share; /* of 1000 packets */
	void (*make)(struct storm_maker *maker, struct storm_packet *packet);
	void (*falsify)(struct storm_maker *maker, struct storm_packet *packet); /* or NULL */
} kinds[] = {
	{"query", 60, make_query, NULL},
	{"cancel", 50, make_cancel, NULL},
	{"logoff", 60, make_logoff, NULL},
	{"target", 60, make_target, NULL},
	{"unterminated", 20, make_unterminated, NULL},
	{"negotiation", 40, make_negotiation, NULL},
	{"invalid negotiation", 60, make_invalid_negotiation, NULL},
	{"guest message", 40, make_guest_message, NULL},
	{"mutated", 140, make_mutated, NULL},
	{"longer", 40, make_longer, NULL},
	{"wrong size", 120, make_wrong_size, NULL},
	{"truncated", 80, make_truncated, NULL},
	{"oversized", 40, make_oversized, NULL},
	{"replay", 80, make_replay, NULL},
	{"noise", 40, make_noise, NULL},
	{"false type", 30, make_mutated, falsify_type},
	{"false offset", 28, make_valid, falsify_offset},
	{"length too large", 6, make_valid, claim_more},
	{"length too small", 6, make_valid, claim_less},
};

/*
 * Whether the protocol requires an immediate answer. The daemon decides which
 * version is negotiated. A request that is valid in the highest one is refused, and
 * so answered immediately, in an earlier one: such an answer is not required.
 */
static bool needs_answer(const void *data, size_t length)
{
	struct hvl_packet packet = {0}, answer;
	struct hvl_version framework, message;

	length = MIN(length, sizeof(packet));
	memcpy(&packet, data, length);
	if (!hvl_packet_check(&packet, length))
		return true;
	if (packet.header.type == HVL_MSGTYPE_NEGOTIATE)
		return !hvl_answer_negotiate(&packet, &answer, hvl_message_versions,
					     ARRAY_SIZE(hvl_message_versions), &framework,
					     &message);
	return hvl_check_request(&packet, hvl_message_versions[0]) != HV_LOGOFF_S_OK ||
	       (packet.body.op.op != HVL_OP_LOGOFF && packet.body.op.op != HVL_OP_TARGET);
}

void storm_frame(struct storm_packet *packet)
{
	size_t padded = (packet->length + 7) & ~(size_t)7;

	memset(packet->data + packet->length, 0, padded - packet->length);
	packet->header =
		(struct ring_packet){.type = VM_PKT_DATA_INBAND,
				     .offset8 = sizeof(packet->header) / 8,
				     .length8 = (uint16_t)((sizeof(packet->header) + padded) / 8)};
	packet->framed = true;
	packet->needs_answer = needs_answer(packet->data, padded);
}

static void remember(struct storm_maker *maker, const struct storm_packet *packet)
{
	uint32_t which = random_below(&maker->random, STORM_HISTORY);

	maker->history[which].length = MIN(packet->length, HVL_PACKET_MAX);
	memcpy(maker->history[which].data, packet->data, maker->history[which].length);
}

static size_t pick_kind(struct storm_maker *maker)
{
	uint32_t drawn = random_below(&maker->random, 1000);
	size_t kind = 0;

	while (drawn >= kinds[kind].share)
		drawn -= kinds[kind++].share;
	return kind;
}

void storm_make(struct storm_maker *maker, struct storm_packet *packet, size_t space)
{
	size_t kind = pick_kind(maker);

	memset(packet, 0, sizeof(*packet));
	kinds[kind].make(maker, packet);
	packet->length = MIN(packet->length, space);
	packet->kind = kinds[kind].name;
	storm_frame(packet);
	remember(maker, packet);
	if (kinds[kind].falsify)
		kinds[kind].falsify(maker, packet);
}

void storm_maker_init(struct storm_maker *maker, uint64_t seed)
{
	memset(maker, 0, sizeof(*maker));
	maker->random.state = seed;
	for (size_t i = 0; i < STORM_IDS; i++)
		maker->ids[i] = i + 1;
}
