// SPDX-License-Identifier: GPL-2.0-or-later
#include "gpadl.h"

#include <string.h>

#include "channel.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define PAGES_MAX 16384 /* in all GPADLs together */

#define STATUS_INVALID_PARAMETER 0xc000000d

static struct gpadl *find(struct vmbus *bus, uint32_t id)
{
	struct gpadl *gpadl;

	LIST_FOREACH(gpadl, &bus->gpadls, entry) {
		if (gpadl->id == id)
			return gpadl;
	}
	return NULL;
}

static void drop(struct vmbus *bus, struct gpadl *gpadl)
{
	bus->gpadl_pages -= gpadl->count;
	LIST_REMOVE(gpadl, entry);
	free(gpadl);
}

static void send_created(struct vmbus *bus, uint32_t relid, uint32_t id, uint32_t status)
{
	struct msg_gpadl_created message = {.header.type = CHANNELMSG_GPADL_CREATED,
					    .relid = relid,
					    .gpadl = id,
					    .status = status};

	if (status)
		log_line("VMBus: GPADL %#x of relid %u is rejected.", id, relid);
	vmbus_send(bus, &message, sizeof(message));
}

static void add_pfns(struct vmbus *bus, struct gpadl *gpadl, const void *pfns, size_t length)
{
	uint32_t count = (uint32_t)MIN(length / sizeof(uint64_t), gpadl->count - gpadl->received);

	memcpy(gpadl->pfns + gpadl->received, pfns, count * sizeof(uint64_t));
	gpadl->received += count;
	if (gpadl->received == gpadl->count)
		send_created(bus, gpadl->relid, gpadl->id, 0);
}

void gpadl_header(struct vmbus *bus, const struct msg_gpadl_header *message, size_t length)
{
	struct gpadl *gpadl = NULL;
	uint64_t count;

	if (length < sizeof(*message))
		return;
	count = ((uint64_t)message->byte_offset + message->byte_count + PAGE - 1) / PAGE;
	if (message->range_count == 1 && message->byte_offset < PAGE && count > 0 &&
	    count <= PAGES_MAX - bus->gpadl_pages && !find(bus, message->gpadl))
		gpadl = calloc(1, sizeof(*gpadl) + count * sizeof(gpadl->pfns[0]));
	if (!gpadl) {
		send_created(bus, message->relid, message->gpadl, STATUS_INVALID_PARAMETER);
		return;
	}
	gpadl->id = message->gpadl;
	gpadl->relid = message->relid;
	gpadl->byte_offset = message->byte_offset;
	gpadl->count = (uint32_t)count;
	bus->gpadl_pages += gpadl->count;
	LIST_INSERT_HEAD(&bus->gpadls, gpadl, entry);
	add_pfns(bus, gpadl, message + 1, length - sizeof(*message));
}

void gpadl_body(struct vmbus *bus, const struct msg_gpadl_body *message, size_t length)
{
	struct gpadl *gpadl;

	if (length < sizeof(*message))
		return;
	gpadl = find(bus, message->gpadl);
	if (gpadl && gpadl->received < gpadl->count)
		add_pfns(bus, gpadl, message + 1, length - sizeof(*message));
}

void gpadl_teardown(struct vmbus *bus, const struct msg_gpadl_teardown *message)
{
	struct msg_gpadl_torndown response = {.header.type = CHANNELMSG_GPADL_TORNDOWN,
					      .gpadl = message->gpadl};
	struct gpadl *gpadl = find(bus, message->gpadl);

	if (gpadl) {
		/* The guest reuses the pages: a channel whose rings they were is closed first. */
		channel_close(bus, gpadl->relid);
		drop(bus, gpadl);
	}
	vmbus_send(bus, &response, sizeof(response));
}

const struct gpadl *gpadl_find(struct vmbus *bus, uint32_t id, uint32_t relid)
{
	const struct gpadl *gpadl = find(bus, id);

	if (!gpadl || gpadl->relid != relid || gpadl->received < gpadl->count)
		return NULL;
	return gpadl;
}

static void free_if(struct vmbus *bus, bool all, uint32_t relid)
{
	struct gpadl *gpadl = LIST_FIRST(&bus->gpadls);

	while (gpadl) {
		struct gpadl *next = LIST_NEXT(gpadl, entry);

		if (all || gpadl->relid == relid)
			drop(bus, gpadl);
		gpadl = next;
	}
}

void gpadl_free_channel(struct vmbus *bus, uint32_t relid)
{
	free_if(bus, false, relid);
}

void gpadl_free_all(struct vmbus *bus)
{
	free_if(bus, true, 0);
}
