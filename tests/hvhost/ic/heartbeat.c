// SPDX-License-Identifier: GPL-2.0-or-later
#include "heartbeat.h"

#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define MSGTYPE_HEARTBEAT 1
#define PERIOD_MS         2000
#define TIMEOUT_US        10000000 /* without an answer, until "beating" is false */

struct heartbeat_body {
	uint64_t sequence;
	uint32_t reserved[8];
} __attribute__((packed));

static const struct hvl_version versions[] = {{3, 0}, {1, 0}};

static void send_heartbeat(struct timer *timer)
{
	struct ic_heartbeat *heartbeat = container_of(timer, struct ic_heartbeat, timer);
	struct heartbeat_body body = {.sequence = heartbeat->sequence + 1};
	struct hvl_packet packet;

	/* Heartbeats must not accumulate in the ring of a slow guest. */
	if (heartbeat->waiting && now_us() - heartbeat->sent_us < TIMEOUT_US)
		return;
	heartbeat->waiting = true;
	heartbeat->sequence++;
	heartbeat->sent_us = now_us();
	heartbeat->transaction = ic_next_transaction(&heartbeat->ic);
	hvl_packet_init(&packet, MSGTYPE_HEARTBEAT, sizeof(body), heartbeat->transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	memcpy(&packet.body, &body, sizeof(body));
	ic_send(&heartbeat->ic, &packet);
}

static void negotiated(struct ic *ic)
{
	struct ic_heartbeat *heartbeat = container_of(ic, struct ic_heartbeat, ic);

	/* An answer may have been lost with the last channel. */
	heartbeat->waiting = false;
	timer_set(&heartbeat->timer, 1, PERIOD_MS);
}

static void closed(struct ic *ic)
{
	timer_set(&container_of(ic, struct ic_heartbeat, ic)->timer, 0, 0);
}

static void received(struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	struct ic_heartbeat *heartbeat = container_of(ic, struct ic_heartbeat, ic);
	struct heartbeat_body body;

	if (packet->header.type != MSGTYPE_HEARTBEAT ||
	    length < sizeof(packet->header) + sizeof(body) ||
	    packet->header.transaction != heartbeat->transaction)
		return;
	memcpy(&body, &packet->body, sizeof(body));
	if (body.sequence != heartbeat->sequence + 1) {
		log_line("%s: the guest returned sequence number %llu instead of %llu.",
			 ic->channel.name, (unsigned long long)body.sequence,
			 (unsigned long long)heartbeat->sequence + 1);
		return;
	}
	heartbeat->waiting = false;
	heartbeat->answered = heartbeat->sequence;
	heartbeat->answered_us = now_us();
	heartbeat->round_trip_us = heartbeat->answered_us - heartbeat->sent_us;
}

static const struct ic_ops ops = {
	.negotiated = negotiated,
	.closed = closed,
	.received = received,
};

int ic_heartbeat_init(struct ic_heartbeat *heartbeat, struct vm *vm)
{
	int ret;

	heartbeat->ic.ops = &ops;
	heartbeat->ic.versions = versions;
	heartbeat->ic.version_count = ARRAY_SIZE(versions);
	heartbeat->ic.channel.name = "heartbeat";
	heartbeat->ic.channel.class = (struct guid){
		0x57164f39, 0x9115, 0x4e78, {0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d}};
	heartbeat->ic.channel.instance = (struct guid){
		0xfd149e91, 0x82e0, 0x4a7d, {0xaf, 0xa6, 0x2a, 0x41, 0x66, 0xcb, 0xd7, 0xc0}};
	ret = timer_init(&vm->loop, &heartbeat->timer, send_heartbeat);
	return ret < 0 ? ret : ic_init(&heartbeat->ic, vm);
}

void ic_heartbeat_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const struct ic_heartbeat *heartbeat = &vm->heartbeat;
	uint64_t age_us = now_us() - heartbeat->answered_us;

	(void)request;
	control_reply(
		&vm->control, client,
		json_pack("{s:b, s:b, s:I, s:I, s:I}", "ok", 1, "beating",
			  heartbeat->ic.negotiated && heartbeat->answered_us && age_us < TIMEOUT_US,
			  "sent", (json_int_t)heartbeat->sequence, "answered",
			  (json_int_t)heartbeat->answered, "round_trip_us",
			  (json_int_t)heartbeat->round_trip_us));
}
