/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of the VMBus' channel manager, little endian as the guest is. */
#ifndef HVHOST_VMBUS_WIRE_H
#define HVHOST_VMBUS_WIRE_H

#include <stdint.h>

#define VMBUS_V4_0 0x40000
#define VMBUS_V4_1 0x40001
#define VMBUS_V5_0 0x50000
#define VMBUS_V5_1 0x50001
#define VMBUS_V5_2 0x50002
#define VMBUS_V5_3 0x50003

enum vmbus_message_type {
	MSG_OFFER_CHANNEL = 1,
	MSG_RESCIND_OFFER = 2,
	MSG_REQUEST_OFFERS = 3,
	MSG_ALL_OFFERS_DELIVERED = 4,
	MSG_OPEN_CHANNEL = 5,
	MSG_OPEN_CHANNEL_RESULT = 6,
	MSG_CLOSE_CHANNEL = 7,
	MSG_GPADL_HEADER = 8,
	MSG_GPADL_BODY = 9,
	MSG_GPADL_CREATED = 10,
	MSG_GPADL_TEARDOWN = 11,
	MSG_GPADL_TORNDOWN = 12,
	MSG_RELID_RELEASED = 13,
	MSG_INITIATE_CONTACT = 14,
	MSG_VERSION_RESPONSE = 15,
	MSG_UNLOAD = 16,
	MSG_UNLOAD_RESPONSE = 17,
	MSG_MODIFY_CHANNEL = 22,
	MSG_MODIFY_CHANNEL_RESPONSE = 24,
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

#define OFFER_ENUMERATE   0x1
#define OFFER_NAMED_PIPE  0x10
#define PIPE_MODE_MESSAGE 4

struct msg_offer {
	struct msg_header header;
	struct guid class;
	struct guid instance;
	uint64_t reserved[2];
	uint16_t flags;
	uint16_t mmio_megabytes;
	uint32_t pipe_mode;
	uint8_t user_defined[116];
	uint16_t subchannel;
	uint16_t reserved2;
	uint32_t relid;
	uint8_t monitor;
	uint8_t monitor_allocated;
	uint16_t dedicated_interrupt;
	uint32_t connection;
} __attribute__((packed));

_Static_assert(sizeof(struct msg_offer) == 196, "what a guest reads of an offer");

/* RESCIND_OFFER, CLOSE_CHANNEL, RELID_RELEASED */
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
	uint32_t downstream_page; /* where the ring towards the guest begins */
	uint8_t user_defined[120];
} __attribute__((packed));

struct msg_open_result {
	struct msg_header header;
	uint32_t relid;
	uint32_t open_id;
	uint32_t status;
} __attribute__((packed));

/* The page numbers follow; a message ends where it does. */
struct msg_gpadl_header {
	struct msg_header header;
	uint32_t relid;
	uint32_t gpadl;
	uint16_t ranges_length;
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

struct msg_contact {
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
	uint32_t connection; /* for the guest's messages, since 5.0 */
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

#endif /* HVHOST_VMBUS_WIRE_H */
