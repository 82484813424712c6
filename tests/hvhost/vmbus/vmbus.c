// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Channel messages: what the guest posts and what it is answered. GPADLs are
 * in gpadl.c, a channel's own life in channel.c.
 */
#include "vmbus.h"

#include <string.h>

#include "channel.h"
#include "gpadl.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define HVCALL_POST_MESSAGE          0x5c
#define HVCALL_SIGNAL_EVENT          0x5d
#define HVCALL_CODE                  0xffff
#define HVCALL_FAST                  (1ULL << 16)
#define HV_STATUS_SUCCESS            0
#define HV_STATUS_INVALID_CODE       2
#define HV_STATUS_INVALID_INPUT      3
#define HV_STATUS_INVALID_PARAMETER  5
#define HV_STATUS_INVALID_CONNECTION 18

/* Where the guest posts to: before 5.0, and since. */
#define CONNECTION_MESSAGE_OLD 1
#define CONNECTION_MESSAGE     4

struct post_message {
	uint32_t connection;
	uint32_t reserved;
	uint32_t type;
	uint32_t length;
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];
};

void vmbus_send(struct vmbus *bus, const void *message, size_t length)
{
	synic_post_message(&bus->vm->vcpus[bus->message_vp].synic, message, length);
}

void vmbus_reset(struct vmbus *bus)
{
	struct channel *channel;

	STAILQ_FOREACH(channel, &bus->channels, entry)
		channel_forget(channel);
	gpadl_free_all(bus);
	bus->version = 0;
	bus->offers_requested = false;
}

static bool is_supported(const struct vmbus *bus, uint32_t version)
{
	return version <= bus->vm->config->vmbus_version &&
	       (version == VMBUS_V4_0 || version == VMBUS_V4_1 ||
		(version >= VMBUS_V5_0 && version <= VMBUS_V5_3));
}

static void contact(struct vmbus *bus, const void *data)
{
	const struct msg_contact *message = data;
	struct msg_version_response response = {.header.type = MSG_VERSION_RESPONSE,
						.connection = CONNECTION_MESSAGE};

	bus->vm->contacted = true;
	vmbus_reset(bus);
	bus->message_vp = message->target_vp;
	if (message->target_vp >= bus->vm->config->cpus)
		bus->message_vp = 0;
	if (is_supported(bus, message->version)) {
		bus->version = message->version;
		response.supported = 1;
	}
	log_line("VMBus %u.%u requested: %s.", message->version >> 16, message->version & 0xffff,
		 response.supported ? "connected" : "not supported");
	vmbus_send(bus, &response, sizeof(response));
}

static void request_offers(struct vmbus *bus, const void *data)
{
	struct msg_header all = {.type = MSG_ALL_OFFERS_DELIVERED};
	struct channel *channel;

	(void)data;
	if (!bus->version)
		return;
	bus->offers_requested = true;
	STAILQ_FOREACH(channel, &bus->channels, entry) {
		if (channel->wanted)
			channel_offer(channel);
	}
	vmbus_send(bus, &all, sizeof(all));
}

static void unload(struct vmbus *bus, const void *data)
{
	struct msg_header response = {.type = MSG_UNLOAD_RESPONSE};

	(void)data;
	log_line("VMBus: the guest has left.");
	vmbus_reset(bus);
	vmbus_send(bus, &response, sizeof(response));
}

static void open_channel(struct vmbus *bus, const void *data)
{
	channel_open(bus, data);
}

static void close_channel(struct vmbus *bus, const void *data)
{
	const struct msg_relid *message = data;

	channel_close(bus, message->relid);
}

static void release_relid(struct vmbus *bus, const void *data)
{
	const struct msg_relid *message = data;

	channel_release(bus, message->relid);
}

static void modify_channel(struct vmbus *bus, const void *data)
{
	channel_modify(bus, data);
}

static void tear_down_gpadl(struct vmbus *bus, const void *data)
{
	gpadl_tear_down(bus, data);
}

/* Each with the bytes that it must have at least; the two with a tail are apart. */
static const struct handler {
	enum vmbus_message_type type;
	size_t length;
	void (*handle)(struct vmbus *bus, const void *message);
} handlers[] = {
	{MSG_INITIATE_CONTACT, sizeof(struct msg_contact), contact},
	{MSG_REQUEST_OFFERS, sizeof(struct msg_header), request_offers},
	{MSG_UNLOAD, sizeof(struct msg_header), unload},
	{MSG_OPEN_CHANNEL, sizeof(struct msg_open), open_channel},
	{MSG_CLOSE_CHANNEL, sizeof(struct msg_relid), close_channel},
	{MSG_RELID_RELEASED, sizeof(struct msg_relid), release_relid},
	{MSG_MODIFY_CHANNEL, sizeof(struct msg_modify), modify_channel},
	{MSG_GPADL_TEARDOWN, sizeof(struct msg_gpadl_teardown), tear_down_gpadl},
};

static void dispatch(struct vmbus *bus, const void *message, size_t length)
{
	const struct msg_header *header = message;

	if (length < sizeof(*header)) {
		log_line("VMBus: a message of %zu bytes is ignored.", length);
		return;
	}
	if (header->type == MSG_GPADL_HEADER) {
		gpadl_begin(bus, message, length);
		return;
	}
	if (header->type == MSG_GPADL_BODY) {
		gpadl_continue(bus, message, length);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (header->type == handlers[i].type && length >= handlers[i].length) {
			handlers[i].handle(bus, message);
			return;
		}
	}
	log_line("VMBus: a message of type %u with %zu bytes is ignored.", header->type, length);
}

static bool is_connection(const struct vmbus *bus, uint32_t connection)
{
	if (connection == CONNECTION_MESSAGE)
		return bus->vm->config->vmbus_version >= VMBUS_V5_0;
	return connection == CONNECTION_MESSAGE_OLD;
}

static uint64_t post_message(struct vmbus *bus, uint64_t address)
{
	const void *input = guest_memory(bus->vm, address, sizeof(struct post_message));
	struct post_message message;

	if (!input)
		return HV_STATUS_INVALID_PARAMETER;
	memcpy(&message, input, sizeof(message));
	if (!is_connection(bus, message.connection))
		return HV_STATUS_INVALID_CONNECTION;
	if (message.length > sizeof(message.payload))
		return HV_STATUS_INVALID_PARAMETER;
	dispatch(bus, message.payload, message.length);
	return HV_STATUS_SUCCESS;
}

uint64_t vmbus_hypercall(struct vmbus *bus, uint64_t input, uint64_t parameter)
{
	switch (input & HVCALL_CODE) {
	case HVCALL_POST_MESSAGE:
		if (input & HVCALL_FAST)
			return HV_STATUS_INVALID_INPUT;
		return post_message(bus, parameter);
	case HVCALL_SIGNAL_EVENT: /* KVM does those to connections that there are */
		return HV_STATUS_INVALID_CONNECTION;
	default:
		return HV_STATUS_INVALID_CODE;
	}
}

void vmbus_init(struct vmbus *bus, struct vm *vm)
{
	bus->vm = vm;
	STAILQ_INIT(&bus->channels);
	LIST_INIT(&bus->gpadls);
}

void vmbus_done(struct vmbus *bus)
{
	struct channel *channel;

	STAILQ_FOREACH(channel, &bus->channels, entry)
		channel_forget(channel);
	gpadl_free_all(bus);
}
