// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hypercalls and channel messages. gpadl.c handles the messages about GPADLs,
 * channel.c those about a single channel.
 */
#include "vmbus.h"

#include <string.h>

#include "channel.h"
#include "gpadl.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define HVCALL_POST_MESSAGE               0x5c
#define HVCALL_SIGNAL_EVENT               0x5d
#define HV_HYPERCALL_CODE_MASK            0xffff
#define HV_HYPERCALL_FAST_BIT             (1ULL << 16)
#define HV_STATUS_SUCCESS                 0
#define HV_STATUS_INVALID_HYPERCALL_CODE  2
#define HV_STATUS_INVALID_HYPERCALL_INPUT 3
#define HV_STATUS_INVALID_PARAMETER       5
#define HV_STATUS_INVALID_CONNECTION_ID   18

/* The connections to which the guest posts: before version 5.0, and since. */
#define VMBUS_MESSAGE_CONNECTION_ID   1
#define VMBUS_MESSAGE_CONNECTION_ID_4 4

struct post_message {
	uint32_t connection_id;
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
		channel_reset(channel);
	vsock_reset(&bus->vm->vsock);
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

static void initiate_contact(struct vmbus *bus, const void *data)
{
	const struct msg_initiate_contact *message = data;
	struct msg_version_response response = {.header.type = CHANNELMSG_VERSION_RESPONSE,
						.connection_id = VMBUS_MESSAGE_CONNECTION_ID_4};

	bus->vm->contacted = true;
	vmbus_reset(bus);
	bus->message_vp = message->target_vp;
	if (message->target_vp >= bus->vm->config->cpus)
		bus->message_vp = 0;
	if (is_supported(bus, message->version)) {
		bus->version = message->version;
		response.supported = 1;
	}
	log_line("VMBus: version %u.%u requested: %s.", message->version >> 16,
		 message->version & 0xffff, response.supported ? "connected" : "not supported");
	vmbus_send(bus, &response, sizeof(response));
}

static void request_offers(struct vmbus *bus, const void *data)
{
	struct msg_header all = {.type = CHANNELMSG_ALLOFFERS_DELIVERED};
	struct channel *channel;

	(void)data;
	if (!bus->version)
		return;
	bus->offers_requested = true;
	STAILQ_FOREACH(channel, &bus->channels, entry) {
		if (channel->enabled)
			channel_offer(channel);
	}
	vmbus_send(bus, &all, sizeof(all));
}

static void unload(struct vmbus *bus, const void *data)
{
	struct msg_header response = {.type = CHANNELMSG_UNLOAD_RESPONSE};

	(void)data;
	log_line("VMBus: the guest has disconnected.");
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

static void connect_socket(struct vmbus *bus, const void *data)
{
	vsock_guest_connects(&bus->vm->vsock, data);
}

static void teardown_gpadl(struct vmbus *bus, const void *data)
{
	gpadl_teardown(bus, data);
}

/* GPADL_HEADER and GPADL_BODY have a variable length and are not in this table. */
static const struct handler {
	enum vmbus_channel_message_type type;
	size_t length_min;
	void (*handle)(struct vmbus *bus, const void *message);
} handlers[] = {
	{CHANNELMSG_INITIATE_CONTACT, sizeof(struct msg_initiate_contact), initiate_contact},
	{CHANNELMSG_REQUESTOFFERS, sizeof(struct msg_header), request_offers},
	{CHANNELMSG_UNLOAD, sizeof(struct msg_header), unload},
	{CHANNELMSG_OPENCHANNEL, sizeof(struct msg_open), open_channel},
	{CHANNELMSG_CLOSECHANNEL, sizeof(struct msg_relid), close_channel},
	{CHANNELMSG_RELID_RELEASED, sizeof(struct msg_relid), release_relid},
	{CHANNELMSG_MODIFYCHANNEL, sizeof(struct msg_modify), modify_channel},
	{CHANNELMSG_TL_CONNECT_REQUEST, sizeof(struct msg_tl_connect_request), connect_socket},
	{CHANNELMSG_GPADL_TEARDOWN, sizeof(struct msg_gpadl_teardown), teardown_gpadl},
};

static void dispatch(struct vmbus *bus, const void *message, size_t length)
{
	const struct msg_header *header = message;

	if (length < sizeof(*header)) {
		log_line("VMBus: ignored a message of %zu bytes.", length);
		return;
	}
	if (header->type == CHANNELMSG_GPADL_HEADER) {
		gpadl_header(bus, message, length);
		return;
	}
	if (header->type == CHANNELMSG_GPADL_BODY) {
		gpadl_body(bus, message, length);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (header->type == handlers[i].type && length >= handlers[i].length_min) {
			handlers[i].handle(bus, message);
			return;
		}
	}
	log_line("VMBus: ignored a message of type %u with %zu bytes.", header->type, length);
}

static bool is_connection(const struct vmbus *bus, uint32_t connection_id)
{
	if (connection_id == VMBUS_MESSAGE_CONNECTION_ID_4)
		return bus->vm->config->vmbus_version >= VMBUS_V5_0;
	return connection_id == VMBUS_MESSAGE_CONNECTION_ID;
}

static uint64_t post_message(struct vmbus *bus, uint64_t address)
{
	const void *input = guest_memory(bus->vm, address, sizeof(struct post_message));
	struct post_message message;

	if (!input)
		return HV_STATUS_INVALID_PARAMETER;
	memcpy(&message, input, sizeof(message));
	if (!is_connection(bus, message.connection_id))
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (message.length > sizeof(message.payload))
		return HV_STATUS_INVALID_PARAMETER;
	dispatch(bus, message.payload, message.length);
	return HV_STATUS_SUCCESS;
}

uint64_t vmbus_hypercall(struct vmbus *bus, uint64_t input, uint64_t parameter)
{
	switch (input & HV_HYPERCALL_CODE_MASK) {
	case HVCALL_POST_MESSAGE:
		if (input & HV_HYPERCALL_FAST_BIT)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		return post_message(bus, parameter);
	case HVCALL_SIGNAL_EVENT: /* KVM handles it for all existing connections */
		return HV_STATUS_INVALID_CONNECTION_ID;
	default:
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	}
}

void vmbus_init(struct vmbus *bus, struct vm *vm)
{
	bus->vm = vm;
	STAILQ_INIT(&bus->channels);
	LIST_INIT(&bus->gpadls);
}
