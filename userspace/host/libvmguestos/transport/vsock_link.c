// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_link.h"

#include <string.h>
#include <sys/param.h>

#include "userspace/shared/util.h"

static bool queue(struct vsock_link *link, const struct hvl_packet *packet)
{
	size_t size = hvl_packet_size(packet);

	if (size > sizeof(link->output) - link->queued)
		return false;
	memcpy(link->output + link->queued, packet, size);
	link->queued += size;
	return true;
}

void vsock_link_open(struct vsock_link *link)
{
	struct hvl_packet packet;

	*link = (struct vsock_link){.transaction = 1};
	hvl_build_negotiate(&packet, link->transaction, hvl_message_versions,
			    ARRAY_SIZE(hvl_message_versions));
	queue(link, &packet);
}

int vsock_link_send(struct vsock_link *link, struct hvl_packet *packet)
{
	packet->header.framework = link->framework;
	packet->header.message = link->version;
	packet->header.transaction = ++link->transaction;
	return queue(link, packet) ? link->transaction : -1;
}

void vsock_link_sent(struct vsock_link *link, size_t count)
{
	link->queued -= count;
	memmove(link->output, link->output + count, link->queued);
}

/* Copies up to @size bytes in all to the start of the message. */
static bool fill(struct vsock_link *link, const uint8_t **bytes, size_t *count, size_t size)
{
	size_t part = MIN(*count, size - link->received);

	if (part == 0)
		return link->received == size;
	memcpy((uint8_t *)&link->input + link->received, *bytes, part);
	link->received += part;
	*bytes += part;
	*count -= part;
	return link->received == size;
}

static enum vsock_event negotiated(struct vsock_link *link)
{
	return link->input.header.type == HVL_MSGTYPE_NEGOTIATE &&
			       hvl_check_negotiate_answer(&link->input, hvl_message_versions,
							  ARRAY_SIZE(hvl_message_versions),
							  &link->framework, &link->version)
		       ? VSOCK_NEGOTIATED
		       : VSOCK_REFUSED;
}

enum vsock_event vsock_link_receive(struct vsock_link *link, const uint8_t **bytes, size_t *count)
{
	const struct hvl_header *header = &link->input.header;

	do {
		if (link->received == 0)
			memset(&link->input, 0, sizeof(link->input));
		if (link->received < sizeof(*header) && !fill(link, bytes, count, sizeof(*header)))
			return VSOCK_NOTHING;
		if (!hvl_packet_check(&link->input, HVL_PACKET_MAX))
			return VSOCK_MALFORMED;
		if (!fill(link, bytes, count, hvl_packet_size(&link->input)))
			return VSOCK_NOTHING;
		link->received = 0;
		if (!link->version.major)
			return negotiated(link);
	} while (header->type != HVL_MSGTYPE_LOGOFF);
	return VSOCK_MESSAGE;
}
