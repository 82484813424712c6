// SPDX-License-Identifier: GPL-2.0-or-later
#include "channel.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "gpadl.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define RELID_MAX            255
#define CONNECTION_ID(relid) (16 + (relid)) /* above the connections for messages */

/* The maximum number of packets processed at once, so that other events are not delayed. */
#define PACKET_BUDGET 64

#define STATUS_UNSUCCESSFUL 0xc0000001

static struct channel *find(struct vmbus *bus, uint32_t relid)
{
	struct channel *channel;

	STAILQ_FOREACH(channel, &bus->channels, entry) {
		if (channel->state != CHANNEL_NOT_OFFERED && channel->relid == relid)
			return channel;
	}
	return NULL;
}

/* Reuses relids as late as possible: a late message must not refer to a new channel. */
static uint32_t next_relid(struct vmbus *bus)
{
	do {
		bus->last_relid = bus->last_relid % RELID_MAX + 1;
	} while (find(bus, bus->last_relid));
	return bus->last_relid;
}

/* KVM signals the eventfd on the guest's SIGNAL_EVENT hypercall, without an exit to userspace. */
static void bind_signal(struct channel *channel, bool on)
{
	struct kvm_hyperv_eventfd bind = {.conn_id = CONNECTION_ID(channel->relid),
					  .fd = channel->signal.fd,
					  .flags = on ? 0 : KVM_HYPERV_EVENTFD_DEASSIGN};

	if (ioctl(channel->bus->vm->fd, KVM_HYPERV_EVENTFD, &bind) < 0)
		log_line("%s: KVM_HYPERV_EVENTFD: %s.", channel->name, strerror(errno));
}

void channel_interrupt(struct channel *channel)
{
	synic_set_event_flag(&channel->bus->vm->vcpus[channel->target_vp].synic, channel->relid);
}

static void drop_queue(struct channel *channel)
{
	struct packet *packet;

	while ((packet = STAILQ_FIRST(&channel->queue))) {
		STAILQ_REMOVE_HEAD(&channel->queue, entry);
		free(packet);
	}
}

static void close_channel(struct channel *channel, enum channel_state next)
{
	bool was_open = channel->state == CHANNEL_OPEN;

	channel->state = next;
	if (!was_open)
		return;
	ring_close(&channel->upstream);
	ring_close(&channel->downstream);
	drop_queue(channel);
	channel->closings++;
	log_line("%s: the channel is closed.", channel->name);
	channel->ops->closed(channel);
}

void channel_offer(struct channel *channel)
{
	struct msg_offer offer = {.header.type = CHANNELMSG_OFFERCHANNEL,
				  .class = channel->class,
				  .instance = channel->instance,
				  .flags = VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE |
					   VMBUS_CHANNEL_NAMED_PIPE_MODE,
				  .pipe_mode = VMBUS_PIPE_TYPE_MESSAGE,
				  .is_dedicated_interrupt = 1};

	if (channel->kind != CHANNEL_DEVICE) {
		offer.flags |= VMBUS_CHANNEL_TLNPI_PROVIDER_OFFER;
		offer.pipe_mode = VMBUS_PIPE_TYPE_BYTE;
		offer.connection_from_host = channel->kind == CHANNEL_TO_GUEST;
	}
	channel->enabled = true;
	if (channel->state != CHANNEL_NOT_OFFERED || !channel->bus->offers_requested)
		return;
	channel->relid = next_relid(channel->bus);
	channel->state = CHANNEL_OFFERED;
	bind_signal(channel, true);
	offer.relid = channel->relid;
	offer.connection_id = CONNECTION_ID(channel->relid);
	log_line("%s: offered with relid %u.", channel->name, channel->relid);
	vmbus_send(channel->bus, &offer, sizeof(offer));
	channel->ops->offered(channel);
}

void channel_rescind(struct channel *channel)
{
	struct msg_relid message = {.header.type = CHANNELMSG_RESCIND_CHANNELOFFER,
				    .relid = channel->relid};

	channel->enabled = false;
	if (channel->state != CHANNEL_OFFERED && channel->state != CHANNEL_OPEN)
		return;
	log_line("%s: relid %u is rescinded.", channel->name, channel->relid);
	close_channel(channel, CHANNEL_RESCINDED);
	vmbus_send(channel->bus, &message, sizeof(message));
}

void channel_reset(struct channel *channel)
{
	if (channel->state == CHANNEL_NOT_OFFERED)
		return;
	bind_signal(channel, false);
	close_channel(channel, CHANNEL_NOT_OFFERED);
	if (channel->ops->released)
		channel->ops->released(channel);
}

void channel_release(struct vmbus *bus, uint32_t relid)
{
	struct channel *channel = find(bus, relid);

	if (!channel || channel->state != CHANNEL_RESCINDED) {
		log_line("VMBus: the guest releases relid %u, which was not rescinded.", relid);
		return;
	}
	log_line("%s: relid %u is released.", channel->name, relid);
	channel_reset(channel);
	gpadl_free_channel(bus, relid);
	if (channel->enabled)
		channel_offer(channel);
}

static int map_rings(struct channel *channel, const struct msg_open *message)
{
	const struct gpadl *gpadl = gpadl_find(channel->bus, message->gpadl, message->relid);
	uint32_t split = message->downstream_page_offset;
	int ret;

	if (!gpadl || gpadl->byte_offset || split >= gpadl->count)
		return -EINVAL;
	ret = ring_open(&channel->upstream, channel->bus->vm, gpadl->pfns, split);
	if (ret < 0)
		return ret;
	ret = ring_open(&channel->downstream, channel->bus->vm, gpadl->pfns + split,
			gpadl->count - split);
	if (ret < 0)
		ring_close(&channel->upstream);
	return ret;
}

void channel_open(struct vmbus *bus, const struct msg_open *message)
{
	struct msg_open_result result = {.header.type = CHANNELMSG_OPENCHANNEL_RESULT,
					 .relid = message->relid,
					 .open_id = message->open_id,
					 .status = STATUS_UNSUCCESSFUL};
	struct channel *channel = find(bus, message->relid);

	if (channel && channel->state == CHANNEL_OFFERED && !channel->refused &&
	    message->target_vp < bus->vm->config->cpus && map_rings(channel, message) == 0) {
		channel->target_vp = message->target_vp;
		channel->state = CHANNEL_OPEN;
		result.status = 0;
	}
	log_line("%s: open of relid %u on VP %u%s.", channel ? channel->name : "VMBus",
		 message->relid, message->target_vp, result.status ? " rejected" : "");
	vmbus_send(bus, &result, sizeof(result));
	if (result.status == 0)
		channel->ops->opened(channel);
}

void channel_modify(struct vmbus *bus, const struct msg_modify *message)
{
	struct msg_modify_response response = {.header.type = CHANNELMSG_MODIFYCHANNEL_RESPONSE,
					       .relid = message->relid,
					       .status = STATUS_UNSUCCESSFUL};
	struct channel *channel = find(bus, message->relid);

	if (channel && channel->state == CHANNEL_OPEN &&
	    message->target_vp < bus->vm->config->cpus) {
		log_line("%s: moved to VP %u.", channel->name, message->target_vp);
		channel->target_vp = message->target_vp;
		response.status = 0;
		/* An interrupt on the old VP may have been lost. */
		channel_interrupt(channel);
	}
	if (bus->version >= VMBUS_V5_3)
		vmbus_send(bus, &response, sizeof(response));
}

static int try_send(struct channel *channel, const void *data, size_t length)
{
	bool signal;
	int ret = ring_write(&channel->downstream, data, length, &signal);

	if (signal)
		channel_interrupt(channel);
	return ret;
}

int channel_put(struct channel *channel, const struct ring_packet *header, const void *data,
		size_t length)
{
	bool signal;
	int ret = ring_put(&channel->downstream, header, data, length, &signal);

	if (signal)
		channel_interrupt(channel);
	return ret;
}

static void send_queue(struct channel *channel)
{
	struct packet *packet;

	while ((packet = STAILQ_FIRST(&channel->queue)) &&
	       try_send(channel, packet->data, packet->length) == 0) {
		STAILQ_REMOVE_HEAD(&channel->queue, entry);
		free(packet);
	}
}

int channel_send(struct channel *channel, const void *data, size_t length)
{
	struct packet *packet;

	if (channel->state != CHANNEL_OPEN)
		return -ENOTCONN;
	if (!channel->stalled && STAILQ_EMPTY(&channel->queue) &&
	    try_send(channel, data, length) == 0)
		return 0;
	packet = malloc(sizeof(*packet) + length);
	if (!packet)
		return -ENOMEM;
	packet->length = length;
	memcpy(packet->data, data, length);
	STAILQ_INSERT_TAIL(&channel->queue, packet, entry);
	return 0;
}

static void ring_broken(struct channel *channel)
{
	if (channel->ops->broken) {
		channel->ops->broken(channel);
		return;
	}
	log_line("%s: the guest's ring is corrupt: the channel is treated as closed.",
		 channel->name);
	close_channel(channel, CHANNEL_OFFERED);
}

/* Returns whether there may be another packet to receive. */
static bool receive_one(struct channel *channel, bool *interrupt_guest)
{
	size_t length,
		max = channel->kind == CHANNEL_DEVICE ? CHANNEL_PACKET_MAX : SOCKET_PACKET_MAX;
	uint8_t data[SOCKET_PACKET_MAX];
	int ret = ring_read(&channel->upstream, data, max, &length, interrupt_guest);

	if (ret < 0)
		ring_broken(channel);
	else if (ret > 0)
		channel->ops->received(channel, data, length);
	/* The callback may have closed the channel, or have no room for more. */
	return ret > 0 && channel->state == CHANNEL_OPEN && !channel->stalled && !channel->held;
}

static void receive(struct channel *channel)
{
	unsigned int budget = PACKET_BUDGET;
	bool interrupt_guest = false;

	ring_read_begin(&channel->upstream);
	while (budget && receive_one(channel, &interrupt_guest))
		budget--;
	if (channel->state != CHANNEL_OPEN || channel->stalled)
		return;
	if (ring_read_end(&channel->upstream) && !channel->held)
		channel_kick(channel);
	if (interrupt_guest)
		channel_interrupt(channel);
}

static void signaled(struct source *source, uint32_t events)
{
	struct channel *channel = container_of(source, struct channel, signal);
	eventfd_t count;

	(void)events;
	eventfd_read(source->fd, &count);
	if (channel->state != CHANNEL_OPEN || channel->stalled)
		return;
	send_queue(channel);
	if (!channel->held)
		receive(channel);
	if (channel->state == CHANNEL_OPEN && channel->ops->writable)
		channel->ops->writable(channel);
}

void channel_kick(struct channel *channel)
{
	eventfd_write(channel->signal.fd, 1);
}

/* Packets that the guest sent before it closed the channel are processed, even if stalled. */
static void receive_rest(struct channel *channel)
{
	size_t budget = channel->upstream.size / sizeof(struct ring_packet);
	bool stalled = channel->stalled, interrupt_guest = false;

	do {
		channel->stalled = false;
		channel->held = false;
	} while (budget-- && receive_one(channel, &interrupt_guest));
	channel->stalled = stalled;
}

void channel_close(struct vmbus *bus, uint32_t relid)
{
	struct channel *channel = find(bus, relid);

	if (!channel || channel->state != CHANNEL_OPEN)
		return;
	receive_rest(channel);
	if (channel->state == CHANNEL_OPEN)
		close_channel(channel, CHANNEL_OFFERED);
}

bool channel_is_full(const struct channel *channel)
{
	return !STAILQ_EMPTY(&channel->queue);
}

void channel_hold(struct channel *channel)
{
	channel->held = true;
}

/* Signals that arrived in the meantime were ignored. */
void channel_continue(struct channel *channel)
{
	channel->held = false;
	channel_kick(channel);
}

void channel_stall(struct channel *channel)
{
	channel->stalled = true;
	log_line("%s: stalled.", channel->name);
}

void channel_resume(struct channel *channel)
{
	channel->stalled = false;
	log_line("%s: resumed.", channel->name);
	/* Signals that arrived while the channel was stalled were ignored. */
	channel_kick(channel);
}

void channel_refuse(struct channel *channel)
{
	channel->refused = true;
	log_line("%s: opens are rejected.", channel->name);
}

/* The guest must ignore an interrupt of a channel that it has not opened. */
void channel_accept(struct channel *channel)
{
	channel->refused = false;
	log_line("%s: opens are accepted.", channel->name);
	if (channel->state == CHANNEL_OFFERED)
		channel_interrupt(channel);
}

int vmbus_add_channel(struct vmbus *bus, struct channel *channel)
{
	channel->enabled = true;
	STAILQ_INIT(&channel->queue);
	channel->signal.ready = signaled;
	channel->signal.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (channel->signal.fd < 0)
		return -errno;
	channel->bus = bus;
	STAILQ_INSERT_TAIL(&bus->channels, channel, entry);
	return loop_add(&bus->vm->loop, &channel->signal, EPOLLIN);
}

void vmbus_remove_channel(struct channel *channel)
{
	loop_remove(&channel->bus->vm->loop, &channel->signal);
	closep(&channel->signal.fd);
	STAILQ_REMOVE(&channel->bus->channels, channel, channel, entry);
}
