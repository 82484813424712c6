// SPDX-License-Identifier: GPL-2.0-or-later
#include "ic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/shared/wire_host.h"

#define PIPE_DATA 1 /* the pipe packet type of a message; Linux ignores it */

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

bool ic_begin_request(struct ic *ic, uint64_t *pending, uint64_t client)
{
	uint32_t hresult = HV_LOGOFF_E_NOT_AVAIL;
	char why[128];

	if (!ic->negotiated) {
		snprintf(why, sizeof(why),
			 "The %s component is not negotiated: is hv_utils loaded in the guest?",
			 ic->channel.name);
	} else if (*pending) {
		hresult = HV_LOGOFF_E_BUSY;
		snprintf(why, sizeof(why), "Another %s request is pending.", ic->channel.name);
	} else {
		*pending = client;
		return true;
	}
	control_fail(&ic->vm->control, client, hresult, why);
	return false;
}

void ic_fail_request(struct ic *ic, uint64_t *pending)
{
	if (*pending)
		control_fail(&ic->vm->control, *pending, HV_LOGOFF_E_EXCEPTION, IC_CHANNEL_CLOSED);
	*pending = 0;
}

static void clear_versions(struct ic *ic)
{
	ic->negotiated = false;
	ic->framework = (struct hvl_version){0};
	ic->message = (struct hvl_version){0};
	control_changed(&ic->vm->control);
}

int ic_negotiate(struct ic *ic)
{
	struct hvl_packet packet;

	clear_versions(ic);
	ic->negotiation = ic_next_transaction(ic);
	hvl_build_negotiate(&packet, ic->negotiation, ic->versions, ic->version_count);
	return ic_send(ic, &packet);
}

static void negotiation_answered(struct ic *ic, const struct hvl_packet *packet)
{
	struct hvl_version framework, message;

	if (packet->header.transaction != ic->negotiation || ic->negotiated)
		return;
	if (!hvl_check_negotiate_answer(packet, ic->versions, ic->version_count, &framework,
					&message)) {
		log_line("%s: the guest supports none of the versions.", ic->channel.name);
		return;
	}
	ic->negotiated = true;
	ic->framework = framework;
	ic->message = message;
	log_line("%s: negotiated version %u.%u, framework %u.%u.", ic->channel.name, message.major,
		 message.minor, framework.major, framework.minor);
	control_changed(&ic->vm->control);
	if (ic->ops->negotiated)
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

	clear_versions(ic);
	ic->ops->closed(ic);
}

static void channel_received(struct channel *channel, const void *data, size_t length)
{
	struct ic *ic = container_of(channel, struct ic, channel);
	/* Messages of the shutdown and KVP components are longer than struct hvl_packet. */
	union {
		struct hvl_packet packet;
		uint8_t bytes[CHANNEL_PACKET_MAX];
	} message = {0};

	memcpy(message.bytes, data, MIN(length, sizeof(message)));
	if (length < sizeof(message.packet.header))
		log_line("%s: ignored a message of %zu bytes.", channel->name, length);
	else if (message.packet.header.type == HVL_MSGTYPE_NEGOTIATE)
		negotiation_answered(ic, &message.packet);
	else
		ic->ops->received(ic, &message.packet, length);
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
