// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_channel.h"

#include <stdio.h>
#include <string.h>

#include "vsock_request.h"

bool vsock_address_copy(struct vsock_address *copy, const struct vsock_address *address)
{
	*copy = *address;
	copy->directory = address->directory ? strdup(address->directory) : NULL;
	copy->guid = address->guid ? strdup(address->guid) : NULL;
	return (copy->directory || !address->directory) && (copy->guid || !address->guid);
}

void vsock_address_clear(struct vsock_address *copy)
{
	free((char *)copy->directory);
	free((char *)copy->guid);
	*copy = (struct vsock_address){0};
}

/* Moves bytes between the stream and the link. Returns false at the end of the stream. */
static bool move(struct vsock_channel *channel)
{
	struct vsock_link *link = &channel->link;
	long count = 0;

	if (link->queued > 0)
		count = vsock_stream_write(channel->stream, link->output, link->queued);
	if (count < 0)
		return false;
	vsock_link_sent(link, (size_t)count);
	if (channel->left > 0)
		return true;
	count = vsock_stream_read(channel->stream, channel->bytes, sizeof(channel->bytes));
	channel->next = channel->bytes;
	channel->left = count > 0 ? (size_t)count : 0;
	return count >= 0;
}

static HRESULT next_event(struct vsock_channel *channel, vmg_event stop, int64_t deadline,
			  enum vsock_event *event)
{
	for (;;) {
		*event = vsock_link_receive(&channel->link, &channel->next, &channel->left);
		if (*event != VSOCK_NOTHING)
			return S_OK;
		if (!move(channel))
			return VM_E_VM_NOT_RUNNING;
		if (channel->left > 0)
			continue;
		if (vmg_event_wait(stop, 0) || (deadline >= 0 && vmg_now_ms() >= deadline))
			return VM_E_TIMED_OUT;
		vsock_stream_wait(channel->stream, channel->link.queued > 0, stop, deadline);
	}
}

HRESULT vsock_channel_open(struct vsock_channel *channel, const struct vsock_address *address,
			   vmg_event stop, char text[VSOCK_TEXT_SIZE])
{
	int64_t deadline = vmg_now_ms() + vmg_vsock_times.connect_ms;
	enum vsock_event event;
	HRESULT hr;

	channel->stream = NULL;
	channel->left = 0;
	vsock_link_open(&channel->link);
	hr = vsock_stream_open(address, stop, deadline, &channel->stream, text);
	if (hr != S_OK)
		return hr;
	hr = next_event(channel, stop, deadline, &event);
	if (hr == S_OK && event == VSOCK_NEGOTIATED)
		return S_OK;
	snprintf(text, VSOCK_TEXT_SIZE, "%s", VSOCK_NO_ANSWER_TEXT);
	return hr == VM_E_TIMED_OUT ? hr : VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
}

void vsock_channel_close(struct vsock_channel *channel)
{
	vsock_stream_close(channel->stream);
	channel->stream = NULL;
}

HRESULT vsock_channel_next(struct vsock_channel *channel, vmg_event stop, int64_t deadline)
{
	enum vsock_event event;
	HRESULT hr = next_event(channel, stop, deadline, &event);

	return hr == S_OK && event != VSOCK_MESSAGE ? VM_E_VM_NOT_RUNNING : hr;
}
