// SPDX-License-Identifier: GPL-2.0-or-later
#include "timesync.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define MSGTYPE_TIMESYNC 4
#define FLAG_SYNC        1 /* set the clock instead of slewing it */

#define SECONDS_1601_TO_1970 11644473600LL

/* Since version 4.0; times are in units of 100 ns. */
struct timesync_reference {
	uint64_t host_time;
	uint64_t reference_time; /* the partition's reference counter at host_time */
	uint8_t flags;
	uint8_t leap;
	uint8_t stratum;
	uint8_t reserved[3];
} __attribute__((packed));

struct timesync_old {
	uint64_t host_time;
	uint64_t guest_time;
	uint64_t round_trip;
	uint8_t flags;
} __attribute__((packed));

static const struct hvl_version versions[] = {{4, 0}, {3, 0}, {1, 0}};

static uint64_t host_time(int64_t offset_seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)(now.tv_sec + SECONDS_1601_TO_1970 + offset_seconds) * 10000000 +
	       (uint64_t)now.tv_nsec / 100;
}

/* KVM derives the partition's reference counter from this clock. */
static uint64_t reference_time(struct vm *vm)
{
	struct kvm_clock_data clock = {0};

	ioctl(vm->fd, KVM_GET_CLOCK, &clock);
	return clock.clock / 100;
}

static void set_body(struct hvl_packet *packet, uint8_t transaction, const void *body, size_t size)
{
	hvl_packet_init(packet, MSGTYPE_TIMESYNC, (uint16_t)size, transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	memcpy(&packet->body, body, size);
}

static int send_time(struct ic_timesync *timesync, int64_t offset)
{
	struct ic *ic = &timesync->ic;
	struct timesync_reference reference = {.host_time = host_time(offset),
					       .reference_time = reference_time(ic->vm),
					       .flags = FLAG_SYNC,
					       .stratum = 1};
	struct timesync_old old = {.host_time = reference.host_time, .flags = FLAG_SYNC};
	struct hvl_packet packet;

	timesync->transaction = ic_next_transaction(ic);
	if (ic->message.major >= 4)
		set_body(&packet, timesync->transaction, &reference, sizeof(reference));
	else
		set_body(&packet, timesync->transaction, &old, sizeof(old));
	timesync->sent_us = now_us();
	return ic_send(ic, &packet);
}

static void negotiated(struct ic *ic)
{
	send_time(container_of(ic, struct ic_timesync, ic), 0);
}

static void closed(struct ic *ic)
{
	ic_fail_request(ic, &container_of(ic, struct ic_timesync, ic)->client);
}

static void received(struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	struct ic_timesync *timesync = container_of(ic, struct ic_timesync, ic);
	json_t *reply;

	(void)length;
	if (packet->header.type != MSGTYPE_TIMESYNC ||
	    packet->header.transaction != timesync->transaction)
		return;
	if (!timesync->client)
		return;
	reply = control_result(packet->header.status);
	json_object_set_new(reply, "round_trip_us",
			    json_integer((json_int_t)(now_us() - timesync->sent_us)));
	control_reply(&ic->vm->control, timesync->client, reply);
	timesync->client = 0;
}

static const struct ic_ops ops = {
	.negotiated = negotiated,
	.closed = closed,
	.received = received,
};

int ic_timesync_init(struct ic_timesync *timesync, struct vm *vm)
{
	timesync->ic.ops = &ops;
	timesync->ic.versions = versions;
	timesync->ic.version_count = ARRAY_SIZE(versions);
	timesync->ic.channel.name = "timesync";
	timesync->ic.channel.class = (struct guid){
		0x9527e630, 0xd0ae, 0x497b, {0xad, 0xce, 0xe8, 0x0a, 0xb0, 0x17, 0x5c, 0xaf}};
	timesync->ic.channel.instance = (struct guid){
		0x2dd1ce17, 0x079e, 0x403c, {0xb3, 0x52, 0xa1, 0x92, 0x1e, 0xe2, 0x07, 0xee}};
	return ic_init(&timesync->ic, vm);
}

void ic_timesync_command(struct vm *vm, uint64_t client, const json_t *request)
{
	struct ic_timesync *timesync = &vm->timesync;

	if (ic_begin_request(&timesync->ic, &timesync->client, client))
		send_time(timesync, json_integer_value(json_object_get(request, "offset")));
}
