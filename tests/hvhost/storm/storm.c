// SPDX-License-Identifier: GPL-2.0-or-later
#include "storm.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/shared/wire_host.h"

#define PACKETS_DEFAULT  1000
#define PACKETS_A_TURN   32
#define PACKETS_AN_EVENT 1000
#define PATIENCE_SECONDS 120 /* for the next thing that the guest has to do */
#define CHECK_MS         1000
#define SETTLE_MS        100
#define BREAK_MS         50
#define UNHEARD_MAX      500

/* Once in so many packets; a storm rescinds once at least. */
#define EVERY_RESCIND 5000
#define EVERY_SPOIL   150
#define EVERY_UNHEARD 300
/* Of the times at which the guest is about to open the channel. */
#define EVERY_OPENING 128
/* And of those after which answers can't be told from nonsense, until new rings are there. */
#define EVERY_REOPEN  64

/* In a packet's transaction, which the answer repeats, beside its number. */
#define OWED (1ULL << 63)

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

static void look_again(struct storm *storm, uint64_t ms)
{
	timer_set(&storm->timer, ms, 0);
}

static void be_patient(struct storm *storm)
{
	storm->deadline_us = now_us() + PATIENCE_SECONDS * 1000000ULL;
}

static json_t *figures(const struct storm *storm)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "seed",
			 (json_int_t)storm->seed, "sent", (int)storm->sent, "answers",
			 (int)storm->answers, "checked", (int)storm->checked, "completes",
			 (int)storm->completes, "resets", (int)storm->resets, "rescinds",
			 (int)storm->rescinds, "spoils", (int)storm->spoils);
}

static void tell(struct storm *storm)
{
	json_t *event = figures(storm);

	json_object_set_new(event, "event", json_string("storm"));
	control_event(&storm->ic->vm->control, storm->client, event);
}

/* The channel goes back to its component, whatever state it is in. */
static void finish(struct storm *storm, json_t *reply)
{
	struct channel *channel = channel_of(storm);
	json_auto_t *sum = figures(storm);

	storm->phase = STORM_OVER;
	timer_set(&storm->timer, 0, 0);
	channel->stalled = false;
	channel->ops = storm->ops;
	json_object_update(reply, sum);
	json_object_set_new(reply, "kinds", storm->kinds);
	storm->kinds = NULL;
	control_reply(&storm->ic->vm->control, storm->client, reply);
	log_line("%s: the storm with seed %llu is over after %u packets.", channel->name,
		 (unsigned long long)storm->seed, storm->sent);
}

static void fail(struct storm *storm, const char *what)
{
	char *why = NULL;

	if (asprintf(&why, "%s The storm's seed is %llu, it had sent %u packets, and last %s.",
		     what, (unsigned long long)storm->seed, storm->sent,
		     storm->broken_by ? storm->broken_by : "nothing was broken") < 0)
		why = NULL;
	log_line("storm: %s", why ? why : what);
	finish(storm, control_failure(HV_LOGOFF_E_FAIL, why ? why : what));
	free(why);
}

/* Read the guest's answers again. */
static void listen_again(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	storm->unheard = 0;
	if (!channel->stalled)
		return;
	channel->stalled = false;
	channel_kick(channel);
}

static void owe(struct storm *storm, const char *kind)
{
	uint32_t last = (storm->owed_first + storm->owed_count) % STORM_OWED_MAX;

	/* More than the rings can hold: not to be told apart from nonsense. */
	if (storm->owed_count == STORM_OWED_MAX)
		storm->framed = false;
	if (!storm->framed)
		return;
	storm->owed[last].number = storm->number;
	storm->owed[last].kind = kind;
	storm->owed_count++;
}

static void count_kind(struct storm *storm, const char *kind)
{
	json_int_t count = json_integer_value(json_object_get(storm->kinds, kind));

	json_object_set_new(storm->kinds, kind, json_integer(count + 1));
}

/* If the guest does not close the channel until then, it will be given a better reason. */
static void break_soon(struct storm *storm)
{
	storm->break_next = true;
	look_again(storm, 1 + draw(storm, BREAK_MS));
}

/* -EAGAIN if there is no room: the guest will signal when there is. */
static int put(struct storm *storm, struct storm_packet *packet)
{
	struct channel *channel = channel_of(storm);
	bool agreed;
	int ret;

	packet->header.transaction = (packet->owed ? OWED : 0) | (storm->number + 1);
	ret = channel_put(channel, &packet->header, packet->data, packet->length);
	if (ret < 0) {
		listen_again(storm);
		return ret;
	}
	agreed = storm->framed;
	storm->number++;
	be_patient(storm);
	if (packet->owed)
		owe(storm, packet->kind);
	if (!packet->framed || packet->fatal)
		storm->framed = false;
	if (packet->fatal) {
		storm->closing = true;
		storm->broken_by = packet->kind;
		listen_again(storm);
		/* It may lie within what the guest takes for another packet. */
		if (!agreed)
			break_soon(storm);
	}
	return 0;
}

/* A message as it should be, besides those that are drawn. Its transaction, 0 without room. */
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
		message.body.logoff.timeout = PATIENCE_SECONDS;
	return put_message(storm, &message);
}

static void rescind(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	storm->rescind_next = false;
	if (channel->state != CHANNEL_OFFERED && channel->state != CHANNEL_OPEN)
		return;
	storm->rescinds++;
	be_patient(storm);
	channel_rescind(channel);
	/* As soon as the guest has released the relid. */
	channel_offer(channel);
}

/* Both rings are nonsense now, whichever the guest looks at first. */
static void break_channel(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	storm->break_next = false;
	storm->closing = true;
	storm->framed = false;
	storm->broken_by = "both rings were spoilt";
	channel->stalled = true;
	ring_spoil(&channel->upstream, RING_READ_INDEX, UINT32_MAX);
	ring_spoil(&channel->downstream, RING_WRITE_INDEX, UINT32_MAX);
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

static void unspoil(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	if (!storm->spoilt)
		return;
	storm->spoilt = false;
	ring_spoil(&channel->upstream, RING_READ_INDEX, channel->upstream.index);
	ring_spoil(&channel->upstream, RING_INTERRUPT_MASK, 0);
	channel_kick(channel);
}

/* The guest finds it when it reads, and it reads when it is interrupted. */
static void spoil_fatally(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->downstream;
	uint32_t index = draw(storm, 2) ? index_outside(storm, ring)
					: index_inside(storm, ring) + 1 + draw(storm, 7);

	storm->closing = true;
	storm->framed = false;
	storm->broken_by = "the host's write index was spoilt";
	/* With a ring that is full it would never read. */
	unspoil(storm);
	listen_again(storm);
	ring_spoil(ring, RING_WRITE_INDEX, index);
	channel_interrupt(channel_of(storm));
}

/* Old contents, once more, and as much of it as will do for packets. */
static void spoil_write_index(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->downstream;

	storm->framed = false;
	ring->index = index_inside(storm, ring);
	ring_spoil(ring, RING_WRITE_INDEX, ring->index);
	channel_interrupt(channel_of(storm));
}

/* The guest has read everything, it says: what it has not read is written over. */
static void spoil_read_index(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->downstream;

	storm->framed = false;
	ring_spoil(ring, RING_READ_INDEX, ring->index);
}

static void spoil_pending_send(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	ring_spoil(draw(storm, 2) ? &channel->upstream : &channel->downstream, RING_PENDING_SEND,
		   random_bits(&storm->maker.random));
}

/* For a while its ring is full, or has more room than there is, and no signal is wanted. */
static void spoil_room(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->upstream;

	storm->framed = false;
	storm->spoilt = true;
	ring_spoil(ring, RING_READ_INDEX, draw(storm, ring->size));
	ring_spoil(ring, RING_INTERRUPT_MASK, draw(storm, 2));
}

/* The guest writes where the index says that it has written up to. */
static void spoil_guests_index(struct storm *storm)
{
	struct ring *ring = &channel_of(storm)->upstream;

	storm->framed = false;
	ring->index = index_inside(storm, ring);
	ring_spoil(ring, RING_READ_INDEX, ring->index);
	ring_spoil(ring, RING_WRITE_INDEX, ring->index);
}

/* A kernel may find it when it writes; if it doesn't, there is something else to find. */
static void spoil_guests_fatally(struct storm *storm)
{
	struct channel *channel = channel_of(storm);
	struct ring *ring = &channel->upstream;

	storm->closing = true;
	storm->framed = false;
	channel->stalled = true;
	ring_spoil(ring, draw(storm, 2) ? RING_READ_INDEX : RING_WRITE_INDEX,
		   index_outside(storm, ring));
	put_op(storm, HVL_OP_QUERY);
	channel->stalled = true;
	break_soon(storm);
}

static void spoil(struct storm *storm)
{
	static void (*const ways[])(struct storm *) = {
		spoil_fatally, spoil_write_index,  spoil_read_index,     spoil_pending_send,
		spoil_room,    spoil_guests_index, spoil_guests_fatally,
	};

	storm->spoils++;
	ways[draw(storm, ARRAY_SIZE(ways))](storm);
}

/* Decides what comes next; true if that is @packet. */
static bool decide(struct storm *storm)
{
	struct channel *channel = channel_of(storm);

	if (storm->sent >= storm->rescind_at || draw(storm, EVERY_RESCIND) == 0) {
		storm->rescind_at = UINT32_MAX;
		rescind(storm);
		return false;
	}
	if (!storm->framed && draw(storm, EVERY_REOPEN) == 0) {
		spoil_fatally(storm);
		return false;
	}
	if (draw(storm, EVERY_SPOIL) == 0) {
		spoil(storm);
		return false;
	}
	if (!storm->unheard && draw(storm, EVERY_UNHEARD) == 0) {
		storm->unheard = 1 + draw(storm, UNHEARD_MAX);
		channel->stalled = true;
	}
	/* A packet takes a header and a trailer more, and may not fill the ring. */
	storm_make(&storm->maker, &storm->packet, channel->downstream.size - 32);
	storm->made = true;
	return true;
}

static bool is_listening(struct storm *storm)
{
	return channel_of(storm)->state == CHANNEL_OPEN && !storm->closing && !storm->await;
}

/* Whether to go on with the next at once. */
static bool blow_once(struct storm *storm)
{
	if (!storm->made && !decide(storm))
		return true;
	if (put(storm, &storm->packet) < 0)
		return false;
	storm->made = false;
	count_kind(storm, storm->packet.kind);
	if (storm->unheard && --storm->unheard == 0)
		listen_again(storm);
	if (++storm->sent % PACKETS_AN_EVENT == 0)
		tell(storm);
	return storm->sent < storm->packets;
}

static void blow(struct storm *storm)
{
	unsigned int budget = PACKETS_A_TURN;

	while (budget && is_listening(storm) && blow_once(storm))
		budget--;
	if (storm->sent >= storm->packets) {
		storm->phase = STORM_SETTLING;
		look_again(storm, 1);
	} else if (!storm->break_next) {
		look_again(storm, budget ? CHECK_MS : 1);
	}
}

/*
 * A LOGOFF that is carried out shows that all before it is over and done with.
 * What the storm has left in the guest may still refuse it for a while.
 */
static void settle(struct storm *storm)
{
	if (is_listening(storm)) {
		listen_again(storm);
		if (put_negotiation(storm))
			storm->await = put_op(storm, HVL_OP_LOGOFF);
	}
	look_again(storm, CHECK_MS);
}

static void take_turn(struct timer *timer)
{
	struct storm *storm = container_of(timer, struct storm, timer);

	if (storm->phase == STORM_OVER)
		return;
	if (now_us() > storm->deadline_us) {
		fail(storm, storm->closing ? "The guest has not closed a channel that was broken."
					   : "The guest has stopped to answer.");
		return;
	}
	if (storm->rescind_next)
		rescind(storm);
	if (storm->break_next && channel_of(storm)->state == CHANNEL_OPEN)
		break_channel(storm);
	if (is_listening(storm))
		unspoil(storm);
	if (storm->phase == STORM_BLOWING)
		blow(storm);
	else if (storm->phase == STORM_SETTLING)
		settle(storm);
	else
		look_again(storm, CHECK_MS);
}

/* The answers that are owed come each once, and in the order of what they answer. */
static bool check_owed(struct storm *storm, uint64_t transaction)
{
	uint32_t first = storm->owed_first;
	char *what = NULL;

	if (!storm->framed || !(transaction & OWED))
		return true;
	if (storm->owed_count && storm->owed[first].number == (uint32_t)transaction) {
		storm->owed_first = (first + 1) % STORM_OWED_MAX;
		storm->owed_count--;
		storm->checked++;
		return true;
	}
	if (storm->owed_count &&
	    asprintf(&what,
		     "The guest has answered packet %u when it had not answered packet %u (%s).",
		     (uint32_t)transaction, storm->owed[first].number, storm->owed[first].kind) < 0)
		what = NULL;
	fail(storm, what ? what : "The guest has answered what was not asked, or asked twice.");
	free(what);
	return false;
}

/* What was waited for has come, with this status. */
static void awaited(struct storm *storm, uint32_t status)
{
	struct channel *channel = channel_of(storm);

	storm->await = 0;
	if (storm->phase == STORM_BLOWING) {
		look_again(storm, 1);
	} else if (status == HV_LOGOFF_E_BUSY || status == HV_LOGOFF_E_NOT_AVAIL ||
		   status == HV_LOGOFF_E_FAIL) {
		look_again(storm, SETTLE_MS);
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
	if (check_owed(storm, transaction) && transaction && transaction == storm->await &&
	    !progress)
		awaited(storm, packet.header.status);
}

static void forget_channel(struct storm *storm)
{
	channel_of(storm)->stalled = false;
	storm->made = false;
	storm->unheard = 0;
	storm->break_next = false;
	storm->closing = false;
	storm->spoilt = false;
	storm->await = 0;
	storm->framed = true;
	storm->owed_count = 0;
	storm->broken_by = NULL;
}

/* Once in a while the offer is rescinded when the guest is busy with it. */
static void rescind_soon(struct storm *storm)
{
	storm->rescind_next = storm->phase == STORM_BLOWING && draw(storm, EVERY_OPENING) == 0;
	look_again(storm, storm->rescind_next ? 1 + draw(storm, 20) : CHECK_MS);
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

	be_patient(storm);
	if (storm->phase == STORM_HANDING_OVER) {
		storm->ops->opened(channel);
		return;
	}
	negotiation = put_negotiation(storm);
	/* As often as not wait for a daemon, that requests may reach it. */
	if (storm->phase == STORM_BLOWING && draw(storm, 2))
		storm->await = negotiation;
	look_again(storm, 1);
}

static void closed(struct channel *channel)
{
	struct storm *storm = storm_of(channel);

	if (channel->state == CHANNEL_OFFERED)
		storm->resets++;
	if (storm->phase == STORM_HANDING_OVER)
		storm->ops->closed(channel);
	forget_channel(storm);
	rescind_soon(storm);
}

static void room(struct channel *channel)
{
	struct storm *storm = storm_of(channel);

	if (storm->made || storm->phase == STORM_SETTLING)
		look_again(storm, 1);
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
	.room = room,
	.broken = broken,
};

static uint64_t number(const json_t *request, const char *name, uint64_t otherwise)
{
	const json_t *value = json_object_get(request, name);

	return value ? (uint64_t)json_integer_value(value) : otherwise;
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
	storm->resets = storm->rescinds = storm->spoils = 0;
	storm->kinds = json_object();
	storm->rescind_next = false;
	storm_maker_init(&storm->maker, storm->seed);
	storm->rescind_at = draw(storm, storm->packets + 1);
	log_line("%s: a storm of %u packets with seed %llu.", channel->name, storm->packets,
		 (unsigned long long)storm->seed);
	/* Whoever waits for an answer has lost it. */
	channel->ops->closed(channel);
	storm->ops = channel->ops;
	channel->ops = &storm_ops;
	storm->phase = STORM_BLOWING;
	forget_channel(storm);
	be_patient(storm);
	tell(storm);
	look_again(storm, 1);
}

void storm_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const struct channel *channel = channel_of(&vm->storm);

	if (vm->storm.phase != STORM_OVER)
		control_fail(&vm->control, client, HV_LOGOFF_E_BUSY,
			     "There is a storm already: wait until it is over.");
	else if (channel->state != CHANNEL_OPEN || channel->stalled)
		control_fail(&vm->control, client, HV_LOGOFF_E_NOT_AVAIL,
			     "The logoff component's channel is not open, or is stalled: a storm "
			     "needs it. \"hvhost status\" shows it.");
	else
		start(&vm->storm, client, request);
}

int storm_init(struct storm *storm, struct vm *vm)
{
	storm->ic = &vm->logoff.ic;
	return timer_init(&vm->loop, &storm->timer, take_turn);
}
