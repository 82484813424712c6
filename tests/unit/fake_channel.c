// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_channel.h"

#include <string.h>
#include <sys/epoll.h>

#include "unit.h"

struct fake_guest fake_guest;

int vmbus_add_channel(struct vmbus *bus, struct channel *channel)
{
	channel->bus = bus;
	channel->enabled = true;
	return 0;
}

void vmbus_remove_channel(struct channel *channel)
{
	assert_int_equal(channel->state, CHANNEL_NOT_OFFERED);
}

void channel_offer(struct channel *channel)
{
	if (channel->bus->offers_requested)
		channel->state = CHANNEL_OFFERED;
}

void fake_close_channel(struct channel *channel, enum channel_state next)
{
	bool was_open = channel->state == CHANNEL_OPEN;

	channel->state = next;
	if (was_open)
		channel->ops->closed(channel);
}

void channel_rescind(struct channel *channel)
{
	if (channel->state == CHANNEL_OFFERED || channel->state == CHANNEL_OPEN)
		fake_close_channel(channel, CHANNEL_RESCINDED);
}

int channel_send(struct channel *channel, const void *data, size_t length)
{
	assert_int_equal(channel->state, CHANNEL_OPEN);
	assert_true(fake_guest.sent_size + length <= sizeof(fake_guest.sent));
	memcpy(fake_guest.sent + fake_guest.sent_size, data, length);
	fake_guest.sent_size += length;
	return 0;
}

bool channel_is_full(const struct channel *channel)
{
	return fake_guest.full;
}

void channel_hold(struct channel *channel)
{
	channel->held = true;
}

void channel_continue(struct channel *channel)
{
	channel->held = false;
}

/* A level that does not change is no reason to loop forever. */
void fake_run_loop(struct loop *loop)
{
	struct epoll_event event;

	for (int i = 0; i < 1000 && epoll_wait(loop->epoll, &event, 1, 0) > 0; i++) {
		struct source *source = event.data.ptr;

		source->ready(source, event.events);
	}
	assert_int_equal(epoll_wait(loop->epoll, &event, 1, 0), 0);
}
