// SPDX-License-Identifier: GPL-2.0-or-later
#include "ic.h"

#include <errno.h>
#include <string.h>

#include "util.h"
#include "vm.h"

#define PIPE_DATA 1 /* a message, of the pipe's packet types; guests don't look */

uint8_t ic_next_transaction(struct ic *ic)
{
	return ++ic->transaction;
}

int ic_send(struct ic *ic, void *packet)
{
	struct hvl_header *header = packet;

	header->pipe_flags = PIPE_DATA;
	header->framework = ic->framework;
	header->message = ic->message;
	return channel_send(&ic->channel, packet, sizeof(*header) + header->size);
}

static void forget_versions(struct ic *ic)
{
	ic->negotiated = false;
	ic->framework = (struct hvl_version){0};
	ic->message = (struct hvl_version){0};
	control_changed(&ic->vm->control);
}

int ic_negotiate(struct ic *ic)
{
	size_t frameworks = ARRAY_SIZE(hvl_framework_versions);
	size_t count = frameworks + ic->version_count;
	struct hvl_packet packet;
	struct hvl_negotiate *body = &packet.body.negotiate;

	forget_versions(ic);
	ic->negotiation = ic_next_transaction(ic);
	hvl_packet_init(&packet, HVL_MSGTYPE_NEGOTIATE,
			(uint16_t)(offsetof(struct hvl_negotiate, versions) +
				   count * sizeof(struct hvl_version)),
			ic->negotiation, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	body->framework_count = (uint16_t)frameworks;
	body->message_count = (uint16_t)ic->version_count;
	memcpy(body->versions, hvl_framework_versions, sizeof(hvl_framework_versions));
	memcpy(body->versions + frameworks, ic->versions,
	       ic->version_count * sizeof(struct hvl_version));
	return ic_send(ic, &packet);
}

static bool is_one_of(struct hvl_version version, const struct hvl_version *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (version.major == list[i].major && version.minor == list[i].minor)
			return true;
	}
	return false;
}

/* Linux's own components leave the sizes of the request in the answer: see hv_util.c. */
static bool is_good_choice(const struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	const struct hvl_negotiate *body = &packet->body.negotiate;

	return length >= sizeof(packet->header) + offsetof(struct hvl_negotiate, versions[2]) &&
	       packet->header.status == 0 && body->framework_count == 1 &&
	       body->message_count == 1 &&
	       is_one_of(body->versions[0], hvl_framework_versions,
			 ARRAY_SIZE(hvl_framework_versions)) &&
	       is_one_of(body->versions[1], ic->versions, ic->version_count);
}

static void negotiation_answered(struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	const struct hvl_version *chosen = packet->body.negotiate.versions;

	if (packet->header.transaction != ic->negotiation || ic->negotiated)
		return;
	if (!is_good_choice(ic, packet, length)) {
		say("%s: no version in common, the guest says.", ic->channel.name);
		return;
	}
	ic->negotiated = true;
	ic->framework = chosen[0];
	ic->message = chosen[1];
	say("%s: negotiated version %u.%u, framework %u.%u.", ic->channel.name, ic->message.major,
	    ic->message.minor, ic->framework.major, ic->framework.minor);
	control_changed(&ic->vm->control);
	ic->ops->negotiated(ic);
}

static void channel_offered(struct channel *channel)
{
	struct ic *ic = container_of(channel, struct ic, channel);

	control_changed(&ic->vm->control);
}

static void channel_opened(struct channel *channel)
{
	ic_negotiate(container_of(channel, struct ic, channel));
}

static void channel_closed(struct channel *channel)
{
	struct ic *ic = container_of(channel, struct ic, channel);

	forget_versions(ic);
	ic->ops->closed(ic);
}

static void channel_received(struct channel *channel, const void *data, size_t length)
{
	struct ic *ic = container_of(channel, struct ic, channel);
	struct hvl_packet packet = {0};

	/* The shutdown's answer is longer, and says all in its header. */
	length = MIN(length, sizeof(packet));
	memcpy(&packet, data, length);
	if (length < sizeof(packet.header))
		say("%s: a message of %zu bytes is ignored.", channel->name, length);
	else if (packet.header.type == HVL_MSGTYPE_NEGOTIATE)
		negotiation_answered(ic, &packet, length);
	else
		ic->ops->received(ic, &packet, length);
}

static const struct channel_ops channel_ops = {
	.offered = channel_offered,
	.opened = channel_opened,
	.closed = channel_closed,
	.received = channel_received,
};

int ic_init(struct ic *ic, struct vm *vm)
{
	ic->vm = vm;
	ic->channel.ops = &channel_ops;
	return vmbus_add_channel(&vm->bus, &ic->channel);
}

struct ic *ic_by_name(struct vm *vm, const char *name)
{
	for (size_t i = 0; i < IC_COUNT; i++) {
		if (strcmp(vm->ics[i]->channel.name, name) == 0)
			return vm->ics[i];
	}
	return NULL;
}

json_t *ic_status(const struct ic *ic)
{
	enum channel_state state = ic->channel.state;

	json_t *status = json_pack("{s:b, s:b, s:b}", "offered",
				   state == CHANNEL_OFFERED || state == CHANNEL_OPEN, "open",
				   state == CHANNEL_OPEN, "negotiated", ic->negotiated);

	if (ic->negotiated) {
		json_object_set_new(
			status, "framework",
			json_sprintf("%u.%u", ic->framework.major, ic->framework.minor));
		json_object_set_new(status, "version",
				    json_sprintf("%u.%u", ic->message.major, ic->message.minor));
	}
	return status;
}
