// SPDX-License-Identifier: GPL-2.0-or-later
#include "shutdown.h"

#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define MSGTYPE_SHUTDOWN 3
#define FLAG_RESTART     2
#define REASON_PLANNED   0x80000000U /* SHTDN_REASON_FLAG_PLANNED of winuser.h */

/* Linux ignores shorter messages. */
struct shutdown_message {
	struct hvl_header header;
	uint32_t reason;
	uint32_t timeout;
	uint32_t flags;
	char text[2048];
} __attribute__((packed));

static const struct hvl_version versions[] = {{3, 2}, {3, 1}, {3, 0}, {1, 0}};

static void closed(struct ic *ic)
{
	ic_fail_request(ic, &container_of(ic, struct ic_shutdown, ic)->client);
}

static void received(struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	struct ic_shutdown *shutdown = container_of(ic, struct ic_shutdown, ic);

	(void)length;
	if (packet->header.type != MSGTYPE_SHUTDOWN ||
	    packet->header.transaction != shutdown->transaction)
		return;
	log_line("%s: the guest answered with %#x.", ic->channel.name, packet->header.status);
	if (shutdown->client)
		control_reply(&ic->vm->control, shutdown->client,
			      control_result(packet->header.status));
	shutdown->client = 0;
}

static const struct ic_ops ops = {
	.closed = closed,
	.received = received,
};

int ic_shutdown_init(struct ic_shutdown *shutdown, struct vm *vm)
{
	shutdown->ic.ops = &ops;
	shutdown->ic.versions = versions;
	shutdown->ic.version_count = ARRAY_SIZE(versions);
	shutdown->ic.channel.name = "shutdown";
	shutdown->ic.channel.class = (struct guid){
		0x0e0b6031, 0x5213, 0x4934, {0x81, 0x8b, 0x38, 0xd9, 0x0c, 0xed, 0x39, 0xdb}};
	shutdown->ic.channel.instance = (struct guid){
		0xb6650ff7, 0x33bc, 0x4840, {0x80, 0x48, 0xe0, 0x67, 0x67, 0x86, 0xf3, 0x93}};
	return ic_init(&shutdown->ic, vm);
}

void ic_shutdown_command(struct vm *vm, uint64_t client, const json_t *request)
{
	struct ic_shutdown *shutdown = &vm->shutdown;
	struct shutdown_message message = {.reason = REASON_PLANNED};
	struct hvl_packet packet;

	if (!ic_begin_request(&shutdown->ic, &shutdown->client, client))
		return;
	shutdown->transaction = ic_next_transaction(&shutdown->ic);
	hvl_packet_init(&packet, MSGTYPE_SHUTDOWN, sizeof(message) - sizeof(message.header),
			shutdown->transaction, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	message.header = packet.header;
	if (json_is_true(json_object_get(request, "reboot")))
		message.flags = FLAG_RESTART;
	ic_send(&shutdown->ic, &message);
}
