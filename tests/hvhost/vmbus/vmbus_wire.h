/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMBus channel messages, little endian like the guest. Names as in the kernel's hyperv.h. */
#ifndef HVHOST_VMBUS_WIRE_H
#define HVHOST_VMBUS_WIRE_H

#include <stdint.h>

#define VMBUS_V4_0 0x40000
#define VMBUS_V4_1 0x40001
#define VMBUS_V5_0 0x50000
#define VMBUS_V5_1 0x50001
#define VMBUS_V5_2 0x50002
#define VMBUS_V5_3 0x50003

enum vmbus_channel_message_type {
	CHANNELMSG_OFFERCHANNEL = 1,
	CHANNELMSG_RESCIND_CHANNELOFFER = 2,
	CHANNELMSG_REQUESTOFFERS = 3,
	CHANNELMSG_ALLOFFERS_DELIVERED = 4,
	CHANNELMSG_OPENCHANNEL = 5,
	CHANNELMSG_OPENCHANNEL_RESULT = 6,
	CHANNELMSG_CLOSECHANNEL = 7,
	CHANNELMSG_GPADL_HEADER = 8,
	CHANNELMSG_GPADL_BODY = 9,
	CHANNELMSG_GPADL_CREATED = 10,
	CHANNELMSG_GPADL_TEARDOWN = 11,
	CHANNELMSG_GPADL_TORNDOWN = 12,
	CHANNELMSG_RELID_RELEASED = 13,
	CHANNELMSG_INITIATE_CONTACT = 14,
	CHANNELMSG_VERSION_RESPONSE = 15,
	CHANNELMSG_UNLOAD = 16,
	CHANNELMSG_UNLOAD_RESPONSE = 17,
	CHANNELMSG_TL_CONNECT_REQUEST = 21,
	CHANNELMSG_MODIFYCHANNEL = 22,
	CHANNELMSG_TL_CONNECT_RESULT = 23,
	CHANNELMSG_MODIFYCHANNEL_RESPONSE = 24,
};

struct guid {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};

struct msg_header {
	uint32_t type;
	uint32_t padding;
} __attribute__((packed));

#define VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE 0x1
#define VMBUS_CHANNEL_NAMED_PIPE_MODE            0x10
#define VMBUS_CHANNEL_TLNPI_PROVIDER_OFFER       0x2000 /* of a Hyper-V socket */
#define VMBUS_PIPE_TYPE_BYTE                     0
#define VMBUS_PIPE_TYPE_MESSAGE                  4

struct msg_offer {
	struct msg_header header;
	struct guid class;
	struct guid instance;
	uint64_t reserved[2];
	uint16_t flags;
	uint16_t mmio_megabytes;
	uint32_t pipe_mode;
	uint8_t connection_from_host; /* of a Hyper-V socket: the guest's end is the one that
					 listens */
	uint8_t user_defined[115];
	uint16_t sub_channel_index;
	uint16_t reserved2;
	uint32_t relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	uint16_t is_dedicated_interrupt;
	uint32_t connection_id;
} __attribute__((packed));

_Static_assert(sizeof(struct msg_offer) == 196, "struct vmbus_channel_offer_channel");

/* RESCIND_CHANNELOFFER, CLOSECHANNEL, RELID_RELEASED */
struct msg_relid {
	struct msg_header header;
	uint32_t relid;
} __attribute__((packed));

struct msg_open {
	struct msg_header header;
	uint32_t relid;
	uint32_t open_id;
	uint32_t gpadl;
	uint32_t target_vp;
	uint32_t downstream_page_offset; /* where the host-to-guest ring begins in the GPADL */
	uint8_t user_defined[120];
} __attribute__((packed));

struct msg_open_result {
	struct msg_header header;
	uint32_t relid;
	uint32_t open_id;
	uint32_t status;
} __attribute__((packed));

/* PFNs follow, up to the end of the message. */
struct msg_gpadl_header {
	struct msg_header header;
	uint32_t relid;
	uint32_t gpadl;
	uint16_t range_length;
	uint16_t range_count;
	uint32_t byte_count;
	uint32_t byte_offset;
} __attribute__((packed));

struct msg_gpadl_body {
	struct msg_header header;
	uint32_t number;
	uint32_t gpadl;
} __attribute__((packed));

struct msg_gpadl_created {
	struct msg_header header;
	uint32_t relid;
	uint32_t gpadl;
	uint32_t status;
} __attribute__((packed));

struct msg_gpadl_teardown {
	struct msg_header header;
	uint32_t relid;
	uint32_t gpadl;
} __attribute__((packed));

struct msg_gpadl_torndown {
	struct msg_header header;
	uint32_t gpadl;
} __attribute__((packed));

struct msg_initiate_contact {
	struct msg_header header;
	uint32_t version;
	uint32_t target_vp; /* for the host's messages */
	uint64_t interrupt_page;
	uint64_t monitor_pages[2];
} __attribute__((packed));

struct msg_version_response {
	struct msg_header header;
	uint8_t supported;
	uint8_t state;
	uint16_t padding;
	uint32_t connection_id; /* for the guest's messages, since 5.0 */
} __attribute__((packed));

struct msg_modify {
	struct msg_header header;
	uint32_t relid;
	uint32_t target_vp;
} __attribute__((packed));

struct msg_modify_response {
	struct msg_header header;
	uint32_t relid;
	uint32_t status;
} __attribute__((packed));

/* The guest connects a socket of its own to a service of the host. */
struct msg_tl_connect_request {
	struct msg_header header;
	struct guid endpoint; /* the guest's socket */
	struct guid service;
} __attribute__((packed));

/* Only a refusal is sent: the offer of the channel tells of success. */
struct msg_tl_connect_result {
	struct msg_header header;
	struct guid endpoint;
	struct guid service;
	int32_t status; /* an NTSTATUS */
} __attribute__((packed));

#endif /* HVHOST_VMBUS_WIRE_H */
