// SPDX-License-Identifier: GPL-2.0-or-later
#include "storm.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/shared/wire_host.h"

#define PACKETS_DEFAULT       1000
#define PACKET_BUDGET         32
#define PACKETS_PER_EVENT     1000
#define GUEST_TIMEOUT_SECONDS 120 /* for the next thing that the guest has to do */
#define CHECK_MS              1000
#define SETTLE_MS             100
#define BREAK_MS              50
#define UNREAD_MAX            500

/* On average once per this number of packets; a storm rescinds the offer at least once. */
#define EVERY_RESCIND    5000
#define EVERY_CORRUPTION 150
#define EVERY_UNREAD     300
/* On average once per this number of times that the guest is about to open the channel. */
#define EVERY_OPENING    128
/* While answers cannot be checked, which only new rings make possible again. */
#define EVERY_REOPEN     64

/* A flag in a packet's transaction, besides its number; the answer has the same transaction. */
#define NEEDS_ANSWER (1ULL << 63)

static struct channel *channel_of(struct storm *storm)
{
	return &storm->ic->channel;
}

static struct storm *storm_of(struct channel *channel)
{
	return &container_of(channel, struct ic, channel)->vm->storm;
}

static uint32_t draw(struct storm *storm, uint32_t limit)
{
	return random_below(&storm->maker.random, limit);
}

static void schedule(struct storm *storm, uint64_t ms)
{
	timer_set(&storm->timer, ms, 0);
}

static void extend_deadline(struct storm *storm)
{
	storm->deadline_us = now_us() + GUEST_TIMEOUT_SECONDS * 1000000ULL;
}

static json_t *counters_to_json(const struct storm *storm)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "seed",
			 (json_int_t)storm->seed, "sent", (int)storm->sent, "answers",
			 (int)storm->answers, "checked", (int)storm->checked, "completes",
			 (int)storm->completes, "resets", (int)storm->resets, "rescinds",
			 (int)storm->rescinds, "corruptions", (int)storm->corruptions);
}

static void send_progress(struct storm *storm)
{
	json_t *event = counters_to_json(storm);

	json_object_set_new(event, "event", json_string("storm"));
	control_event(&storm->ic->vm->control, storm->client, event);
}

/* Returns the channel to its component, in any state. */
static void finish(struct storm *storm, json_t *reply)
{
	struct channel *channel = channel_of(storm);
	json_auto_t *sum = counters_to_json(storm);

	storm->phase = STORM_IDLE;
	timer_set(&storm->timer, 0, 0);
	channel->stalled = false;
	channel->ops = storm->ops;
	json_object_update(reply, sum);
	json_object_set_new(reply, "kinds", storm->kinds);
	storm->kinds = NULL;
	control_reply(&storm->ic->vm->control, storm->client, reply);
	log_line("%s: the storm with seed %llu ended after %u packets.", channel->name,
		 (unsigned long long)storm->seed, storm->sent);
}

static void fail(struct storm *storm, const char *what)
{
	char *why = NULL;

	if (asprintf(&why, "%s Seed: %llu, packets sent: %u, channel broken by: %s.", what,
		     (unsigned long long)storm->seed, storm->sent,
		     storm->broken_by ? storm->broken_by : "nothing") < 0)
		why = NULL;
	log_line("storm: %s", why ? why : what);
	finish(storm, control_failure(HV_LOGOFF_E_FAIL, why ? why : what));
	free(why);
}

static void resume_reading(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	storm->unread = 0;
	if (!channel->stalled)
		return;
	channel->stalled = false;
	channel_kick(channel);
}

static void expect_answer(struct storm *storm, const char *kind)
{
	uint32_t last = (storm->expected_first + storm->expected_count) % STORM_EXPECTED_MAX;

	/* More than the rings can hold: answers cannot be checked any more. */
	if (storm->expected_count == STORM_EXPECTED_MAX)
		storm->framed = false;
	if (!storm->framed)
		return;
	storm->expected[last].number = storm->number;
	storm->expected[last].kind = kind;
	storm->expected_count++;
}

static void count_kind(struct storm *storm, const char *kind)
{
	json_int_t count = json_integer_value(json_object_get(storm->kinds, kind));

	json_object_set_new(storm->kinds, kind, json_integer(count + 1));
}

/* Corrupts both rings, unless the guest closes the channel first. */
static void break_later(struct storm *storm)
{
	storm->break_next = true;
	schedule(storm, 1 + draw(storm, BREAK_MS));
}

/* -EAGAIN if there is no space; the guest signals when there is. */
static int put(struct storm *storm, struct storm_packet *packet)
{
	struct channel *channel = channel_of(storm);
	bool was_framed;
	int ret;

	packet->header.transaction =
		(packet->needs_answer ? NEEDS_ANSWER : 0) | (storm->number + 1);
	ret = channel_put(channel, &packet->header, packet->data, packet->length);
	if (ret < 0) {
		resume_reading(storm);
		return ret;
	}
	was_framed = storm->framed;
	storm->number++;
	extend_deadline(storm);
	if (packet->needs_answer)
		expect_answer(storm, packet->kind);
	if (!packet->framed || packet->fatal)
		storm->framed = false;
	if (packet->fatal) {
		storm->closing = true;
		storm->broken_by = packet->kind;
		resume_reading(storm);
		/* The guest may read it as the payload of another packet. */
		if (!was_framed)
			break_later(storm);
	}
	return 0;
}

/* Sends a valid message. Returns its transaction, or 0 if there is no space. */
static uint64_t put_message(struct storm *storm, const struct hvl_packet *message)
{
	struct storm_packet packet = {.kind = "message", .length = hvl_packet_size(message)};

	memcpy(packet.data, message, packet.length);
	storm_frame(&packet);
	return put(storm, &packet) == 0 ? packet.header.transaction : 0;
}

static uint64_t put_negotiation(struct storm *storm)
{
	struct hvl_packet message;

	hvl_build_negotiate(&message, ++storm->maker.transaction, hvl_message_versions,
			    ARRAY_SIZE(hvl_message_versions));
	return put_message(storm, &message);
}

static uint64_t put_op(struct storm *storm, enum hvl_op op)
{
	struct hvl_packet message;

	hvl_build_op(&message, ++storm->maker.transaction, op,
		     (uint64_t)random_bits(&storm->maker.random) << 32 | 1);
	if (op == HVL_OP_LOGOFF)
		message.body.logoff.timeout = GUEST_TIMEOUT_SECONDS;
	return put_message(storm, &message);
}

static void rescind(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	storm->rescind_next = false;
	if (channel->state != CHANNEL_OFFERED && channel->state != CHANNEL_OPEN)
		return;
	storm->rescinds++;
	extend_deadline(storm);
	channel_rescind(channel);
	/* Takes effect once the guest has released the relid. */
	channel_offer(channel);
}

/* Corrupts both rings, because it is not known which one the guest accesses first. */
static void break_channel(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	storm->break_next = false;
	storm->closing = true;
	storm->framed = false;
	storm->broken_by = "corruption of both rings";
	channel->stalled = true;
	ring_set_field(&channel->upstream, RING_READ_INDEX, UINT32_MAX);
	ring_set_field(&channel->downstream, RING_WRITE_INDEX, UINT32_MAX);
	channel_interrupt(channel);
}

static uint32_t index_outside(struct storm *storm, const struct ring *ring)
{
	return draw(storm, 2) ? UINT32_MAX : ring->size + draw(storm, UINT32_MAX - ring->size);
}

static uint32_t index_inside(struct storm *storm, const struct ring *ring)
{
	return draw(storm, ring->size / 8) * 8;
}

static void repair_upstream(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	if (!storm->upstream_corrupted)
		return;
	storm->upstream_corrupted = false;
	ring_set_field(&channel->upstream, RING_READ_INDEX, channel->upstream.index);
	ring_set_field(&channel->upstream, RING_INTERRUPT_MASK, 0);
	channel_kick(channel);
}

/* An invalid write index: the guest detects it when the interrupt makes it read. */
static void corrupt_downstream_fatally(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->downstream;
	uint32_t index = draw(storm, 2) ? index_outside(storm, ring)
					: index_inside(storm, ring) + 1 + draw(storm, 7);

	storm->closing = true;
	storm->framed = false;
	storm->broken_by = "corruption of the host's write index";
	/* The guest does not read while the upstream ring seems full. */
	repair_upstream(storm);
	resume_reading(storm);
	ring_set_field(ring, RING_WRITE_INDEX, index);
	channel_interrupt(channel_of(storm));
}

/* Makes the guest read old contents of the ring again. */
static void corrupt_host_write_index(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->downstream;

	storm->framed = false;
	ring->index = index_inside(storm, ring);
	ring_set_field(ring, RING_WRITE_INDEX, ring->index);
	channel_interrupt(channel_of(storm));
}

/* Claims that the guest has read everything, so that unread packets are overwritten. */
static void corrupt_guest_read_index(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->downstream;

	storm->framed = false;
	ring_set_field(ring, RING_READ_INDEX, ring->index);
}

static void corrupt_pending_send(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	ring_set_field(draw(storm, 2) ? &channel->upstream : &channel->downstream,
		       RING_PENDING_SEND, random_bits(&storm->maker.random));
}

/* Until repair_upstream(), the guest sees a wrong amount of free space, and may not signal. */
static void corrupt_free_space(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->upstream;

	storm->framed = false;
	storm->upstream_corrupted = true;
	ring_set_field(ring, RING_READ_INDEX, draw(storm, ring->size));
	ring_set_field(ring, RING_INTERRUPT_MASK, draw(storm, 2));
}

/* Moves the guest's write index: the guest continues to write there. */
static void corrupt_upstream_index(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->upstream;

	storm->framed = false;
	ring->index = index_inside(storm, ring);
	ring_set_field(ring, RING_READ_INDEX, ring->index);
	ring_set_field(ring, RING_WRITE_INDEX, ring->index);
}

/* Not every kernel detects it when it writes: break_later() corrupts both rings. */
static void corrupt_upstream_fatally(struct storm *storm)
{
	struct channel *channel = channel_of(storm);
	struct ring *ring = &channel->upstream;

	storm->closing = true;
	storm->framed = false;
	channel->stalled = true;
	ring_set_field(ring, draw(storm, 2) ? RING_READ_INDEX : RING_WRITE_INDEX,
		       index_outside(storm, ring));
	put_op(storm, HVL_OP_QUERY);
	channel->stalled = true;
	break_later(storm);
}

static void corrupt(struct storm *storm)
{
	static void (*const methods[])(struct storm *) = {
		corrupt_downstream_fatally, corrupt_host_write_index, corrupt_guest_read_index,
		corrupt_pending_send,       corrupt_free_space,       corrupt_upstream_index,
		corrupt_upstream_fatally,
	};

	storm->corruptions++;
	methods[draw(storm, ARRAY_SIZE(methods))](storm);
}

/* Chooses the next step. Returns whether it is to send @packet. */
static bool next_step(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	if (storm->sent >= storm->rescind_at || draw(storm, EVERY_RESCIND) == 0) {
		storm->rescind_at = UINT32_MAX;
		rescind(storm);
		return false;
	}
	if (!storm->framed && draw(storm, EVERY_REOPEN) == 0) {
		corrupt_downstream_fatally(storm);
		return false;
	}
	if (draw(storm, EVERY_CORRUPTION) == 0) {
		corrupt(storm);
		return false;
	}
	if (!storm->unread && draw(storm, EVERY_UNREAD) == 0) {
		storm->unread = 1 + draw(storm, UNREAD_MAX);
		channel->stalled = true;
	}
	/* Header and trailer take 24 bytes, and 8 bytes of the ring must stay free. */
	storm_make(&storm->maker, &storm->packet, channel->downstream.size - 32);
	storm->packet_ready = true;
	return true;
}

static bool can_send(struct storm *storm)
{
	return channel_of(storm)->state == CHANNEL_OPEN && !storm->closing && !storm->await;
}

/* Returns whether to continue with the next packet immediately. */
static bool send_one(struct storm *storm)
{
	if (!storm->packet_ready && !next_step(storm))
		return true;
	if (put(storm, &storm->packet) < 0)
		return false;
	storm->packet_ready = false;
	count_kind(storm, storm->packet.kind);
	if (storm->unread && --storm->unread == 0)
		resume_reading(storm);
	if (++storm->sent % PACKETS_PER_EVENT == 0)
		send_progress(storm);
	return storm->sent < storm->packets;
}

static void send_packets(struct storm *storm)
{
	unsigned int budget = PACKET_BUDGET;

	while (budget && can_send(storm) && send_one(storm))
		budget--;
	if (storm->sent >= storm->packets) {
		storm->phase = STORM_SETTLING;
		schedule(storm, 1);
	} else if (!storm->break_next) {
		schedule(storm, budget ? CHECK_MS : 1);
	}
}

/*
 * A LOGOFF that is carried out shows that all earlier requests have ended. Until
 * then the guest may reject it.
 */
static void settle(struct storm *storm)
{
	if (can_send(storm)) {
		resume_reading(storm);
		if (put_negotiation(storm))
			storm->await = put_op(storm, HVL_OP_LOGOFF);
	}
	schedule(storm, CHECK_MS);
}

static void run(struct timer *timer)
{
	struct storm *storm = container_of(timer, struct storm, timer);

	if (storm->phase == STORM_IDLE)
		return;
	if (now_us() > storm->deadline_us) {
		fail(storm, storm->closing ? "The guest did not close a broken channel."
					   : "The guest stopped answering.");
		return;
	}
	if (storm->rescind_next)
		rescind(storm);
	if (storm->break_next && channel_of(storm)->state == CHANNEL_OPEN)
		break_channel(storm);
	if (can_send(storm))
		repair_upstream(storm);
	if (storm->phase == STORM_SENDING)
		send_packets(storm);
	else if (storm->phase == STORM_SETTLING)
		settle(storm);
	else
		schedule(storm, CHECK_MS);
}

/* Each expected answer must arrive exactly once, in the order of the packets. */
static bool check_answer(struct storm *storm, uint64_t transaction)
{
	uint32_t first = storm->expected_first;
	char *what = NULL;

	if (!storm->framed || !(transaction & NEEDS_ANSWER))
		return true;
	if (storm->expected_count && storm->expected[first].number == (uint32_t)transaction) {
		storm->expected_first = (first + 1) % STORM_EXPECTED_MAX;
		storm->expected_count--;
		storm->checked++;
		return true;
	}
	if (storm->expected_count &&
	    asprintf(&what, "The guest answered packet %u before packet %u (%s).",
		     (uint32_t)transaction, storm->expected[first].number,
		     storm->expected[first].kind) < 0)
		what = NULL;
	fail(storm, what ? what : "The guest sent an unexpected answer, or one twice.");
	free(what);
	return false;
}

/* The awaited answer has arrived, with this status. */
static void await_done(struct storm *storm, uint32_t status)
{
	struct channel *channel = channel_of(storm);

	storm->await = 0;
	if (storm->phase == STORM_SENDING) {
		schedule(storm, 1);
	} else if (status == HV_LOGOFF_E_BUSY || status == HV_LOGOFF_E_NOT_AVAIL ||
		   status == HV_LOGOFF_E_FAIL) {
		schedule(storm, SETTLE_MS);
	} else {
		storm->phase = STORM_HANDING_OVER;
		storm->ops->opened(channel);
	}
}

static void received(struct channel *channel, const void *data, size_t length)
{
	struct storm *storm = storm_of(channel);
	uint64_t transaction = channel->upstream.transaction;
	struct hvl_packet packet = {0};
	bool progress, complete;

	if (storm->phase == STORM_HANDING_OVER) {
		storm->ops->received(channel, data, length);
		if (storm->ic->negotiated)
			finish(storm, json_pack("{s:b}", "ok", 1));
		return;
	}
	memcpy(&packet, data, MIN(length, sizeof(packet)));
	progress = packet.header.size && packet.body.op.op == HVL_OP_PROGRESS;
	complete = packet.header.size && packet.body.op.op == HVL_OP_COMPLETE;
	storm->answers++;
	storm->completes += complete;
	if (check_answer(storm, transaction) && transaction && transaction == storm->await &&
	    !progress)
		await_done(storm, packet.header.status);
}

static void reset_channel_state(struct storm *storm)
{
	channel_of(storm)->stalled = false;
	storm->packet_ready = false;
	storm->unread = 0;
	storm->break_next = false;
	storm->closing = false;
	storm->upstream_corrupted = false;
	storm->await = 0;
	storm->framed = true;
	storm->expected_count = 0;
	storm->broken_by = NULL;
}

/* Occasionally rescinds the offer while the guest processes it. */
static void rescind_soon(struct storm *storm)
{
	storm->rescind_next = storm->phase == STORM_SENDING && draw(storm, EVERY_OPENING) == 0;
	schedule(storm, storm->rescind_next ? 1 + draw(storm, 20) : CHECK_MS);
}

static void offered(struct channel *channel)
{
	storm_of(channel)->ops->offered(channel);
	rescind_soon(storm_of(channel));
}

static void opened(struct channel *channel)
{
	struct storm *storm = storm_of(channel);
	uint64_t negotiation;

	extend_deadline(storm);
	if (storm->phase == STORM_HANDING_OVER) {
		storm->ops->opened(channel);
		return;
	}
	negotiation = put_negotiation(storm);
	/* Wait for a daemon in half of the cases, so that requests reach it. */
	if (storm->phase == STORM_SENDING && draw(storm, 2))
		storm->await = negotiation;
	schedule(storm, 1);
}

static void closed(struct channel *channel)
{
	struct storm *storm = storm_of(channel);

	if (channel->state == CHANNEL_OFFERED)
		storm->resets++;
	if (storm->phase == STORM_HANDING_OVER)
		storm->ops->closed(channel);
	reset_channel_state(storm);
	rescind_soon(storm);
}

static void writable(struct channel *channel)
{
	struct storm *storm = storm_of(channel);

	if (storm->packet_ready || storm->phase == STORM_SETTLING)
		schedule(storm, 1);
}

static void broken(struct channel *channel)
{
	break_channel(storm_of(channel));
}

static const struct channel_ops storm_ops = {
	.offered = offered,
	.opened = opened,
	.closed = closed,
	.received = received,
	.writable = writable,
	.broken = broken,
};

static uint64_t number(const json_t *request, const char *name, uint64_t value_default)
{
	const json_t *value = json_object_get(request, name);

	return value ? (uint64_t)json_integer_value(value) : value_default;
}

static uint32_t new_seed(void)
{
	uint32_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint32_t)now_us();
	return seed;
}

static void start(struct storm *storm, uint64_t client, const json_t *request)
{
	struct channel *channel = channel_of(storm);

	storm->client = client;
	storm->seed = number(request, "seed", new_seed());
	storm->packets = (uint32_t)number(request, "packets", PACKETS_DEFAULT);
	storm->sent = storm->answers = storm->checked = storm->completes = 0;
	storm->resets = storm->rescinds = storm->corruptions = 0;
	storm->kinds = json_object();
	storm->rescind_next = false;
	storm_maker_init(&storm->maker, storm->seed);
	storm->rescind_at = draw(storm, storm->packets + 1);
	log_line("%s: starting a storm of %u packets with seed %llu.", channel->name,
		 storm->packets, (unsigned long long)storm->seed);
	/* Fails the component's pending requests. */
	channel->ops->closed(channel);
	storm->ops = channel->ops;
	channel->ops = &storm_ops;
	storm->phase = STORM_SENDING;
	reset_channel_state(storm);
	extend_deadline(storm);
	send_progress(storm);
	schedule(storm, 1);
}

void storm_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const struct channel *channel = channel_of(&vm->storm);

	if (vm->storm.phase != STORM_IDLE)
		control_fail(&vm->control, client, HV_LOGOFF_E_BUSY, "A storm is already running.");
	else if (channel->state != CHANNEL_OPEN || channel->stalled)
		control_fail(&vm->control, client, HV_LOGOFF_E_NOT_AVAIL,
			     "A storm needs the logoff component's channel, which is not open or "
			     "is stalled: see \"hvhost status\".");
	else
		start(&vm->storm, client, request);
}

int storm_init(struct storm *storm, struct vm *vm)
{
	storm->ic = &vm->logoff.ic;
	return timer_init(&vm->loop, &storm->timer, run);
}
