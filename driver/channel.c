// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMBus driver: binds to the offer, and moves messages between the rings of
 * its channel and the core.
 *
 * Both rings are accessed in one work item, which handles full and corrupt rings.
 */
#include <linux/delay.h>
#include <linux/hyperv.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core.h"

/* Bytes for each direction, including the page for the indices, in whole pages of the guest. */
#define HVL_RING_SIZE		VMBUS_RING_SIZE(3 * HV_HYP_PAGE_SIZE)

/* Whatever the guest's page size, the largest message fits. */
static_assert(sizeof(struct hv_ring_buffer) + sizeof(struct vmpacket_descriptor) +
	      HVL_PACKET_MAX + HVL_TRAILER_SIZE < HVL_RING_SIZE);

/* Milliseconds between attempts to write to a full ring. */
#define HVL_RETRY_MS		50

/* Milliseconds between attempts to open the channel again; doubled after each. */
#define HVL_REOPEN_MS		500U
#define HVL_REOPEN_MAX_MS	60000U

/* Packets per run of the work item, so that it does not occupy the workqueue. */
#define HVL_BUDGET		64

/* Milliseconds to wait for space in the ring for the last result. */
#define HVL_DRAIN_MS		1000

/**
 * struct hvl_channel - the channel of one offer
 * @device: the offer
 * @core: the state of the component
 * @work: moves messages; ends in hvl_channel_close()
 * @lock: guards the rings and all fields below
 * @open: the rings exist
 * @reopen_ms: delay after the last attempt to open the channel again, which has
 *	failed; 0 if the channel is not to be opened again
 * @reopen_at: jiffies of the next attempt
 * @transmitting: @tx is to be sent
 * @tx: a message that did not fit into the ring
 * @rx: the message that was received last
 */
struct hvl_channel {
	struct hv_device *device;
	struct hvl_core *core;
	struct delayed_work work;

	struct mutex lock; /* guards the rings and all fields below */
	bool open;
	unsigned int reopen_ms;
	unsigned long reopen_at;
	bool transmitting;
	struct hvl_message tx;
	struct hvl_message rx;
};

/*
 * Called in a tasklet, or with the core's lock held. The work preempts the daemon, so that
 * its report is sent before it continues, even on a single processor.
 */
static void hvl_channel_kick(void *data)
{
	struct hvl_channel *channel = data;

	mod_delayed_work(system_highpri_wq, &channel->work, 0);
}

static int hvl_channel_open(struct hvl_channel *channel)
{
	struct vmbus_channel *vmbus = channel->device->channel;
	int ret;

	lockdep_assert_held(&channel->lock);
	set_channel_read_mode(vmbus, HV_CALL_DIRECT);
	/* Answers belong to the old channel. A result is sent on the new one. */
	if (channel->tx.packet.body.op.op != HVL_OP_COMPLETE)
		channel->transmitting = false;
	hvl_host_opened(channel->core);
	ret = vmbus_open(vmbus, HVL_RING_SIZE, HVL_RING_SIZE, NULL, 0, hvl_channel_kick, channel);
	/* vmbus_open() leaves its callback behind when it fails; vmbus_close() removes it. */
	if (ret)
		vmbus_close(vmbus);
	channel->open = !ret;
	return ret;
}

/*
 * Opens a channel that was open before. The cause of a failure can be temporary (no
 * memory, a host that refuses), so the work tries again.
 */
static void hvl_channel_reopen(struct hvl_channel *channel)
{
	int ret = hvl_channel_open(channel);

	if (!ret) {
		channel->reopen_ms = 0;
		return;
	}
	channel->reopen_ms = clamp(2 * channel->reopen_ms, HVL_REOPEN_MS, HVL_REOPEN_MAX_MS);
	channel->reopen_at = jiffies + msecs_to_jiffies(channel->reopen_ms);
	dev_warn_ratelimited(&channel->device->device,
			     "can't reopen the channel: %d, trying again in %u ms\n", ret,
			     channel->reopen_ms);
}

/*
 * The ring is corrupt: its indices or a packet's length are invalid. New rings
 * are needed to find the start of a packet again.
 */
static void hvl_channel_reset(struct hvl_channel *channel)
{
	dev_warn_ratelimited(&channel->device->device,
			     "ring buffer is corrupt, reopening the channel\n");
	channel->open = false;
	vmbus_close(channel->device->channel);
	hvl_channel_reopen(channel);
}

/*
 * Sends the core's pending messages. When this returns 0 or 1, the core's answer
 * has been sent, so hvl_host_receive() may be called.
 *
 * Return: 0 when all messages were sent, 1 when more may be pending, -EAGAIN when
 * the ring is full, -ENODEV, -EIO.
 */
static int hvl_channel_transmit(struct hvl_channel *channel)
{
	struct vmbus_channel *vmbus = channel->device->channel;
	struct hvl_message *tx = &channel->tx;
	unsigned int budget;
	int ret;

	/* A daemon that writes continuously must not keep the ring from being read. */
	for (budget = HVL_BUDGET; budget; budget--) {
		if (!channel->transmitting)
			channel->transmitting = hvl_host_transmit(channel->core, tx);
		if (!channel->transmitting)
			return 0;
		if (!hvl_ring_writable(vmbus))
			return -EIO;
		ret = vmbus_sendpacket(vmbus, &tx->packet, hvl_packet_size(&tx->packet),
				       tx->trans_id, VM_PKT_DATA_INBAND, 0);
		if (ret)
			return ret;
		channel->transmitting = false;
	}
	return 1;
}

/* Return: milliseconds until the next run, -1 if the next kick starts it. */
static int hvl_channel_run(struct hvl_channel *channel)
{
	unsigned int budget;
	int ret, more;
	u32 length;

	for (budget = HVL_BUDGET; budget; budget--) {
		more = hvl_channel_transmit(channel);
		if (more == -EAGAIN)
			return HVL_RETRY_MS;
		/* The offer was rescinded: hvl_remove() follows. */
		if (more == -ENODEV)
			return -1;
		ret = more;
		if (more >= 0)
			ret = hvl_ring_receive(channel->device->channel, &channel->rx, &length);
		if (ret < 0)
			hvl_channel_reset(channel);
		else if (ret)
			hvl_host_receive(channel->core, &channel->rx, length);
		else if (!more)
			return -1;
		if (!channel->open)
			return channel->reopen_ms;
	}
	return 0;
}

/* Return: milliseconds until the next attempt. */
static int hvl_channel_retry(struct hvl_channel *channel)
{
	/* A kick does not shorten the delay. */
	if (time_before(jiffies, channel->reopen_at))
		return jiffies_to_msecs(channel->reopen_at - jiffies);
	hvl_channel_reopen(channel);
	return channel->reopen_ms;
}

static void hvl_channel_work(struct work_struct *work)
{
	struct hvl_channel *channel =
		container_of(to_delayed_work(work), struct hvl_channel, work);
	int delay = -1;

	mutex_lock(&channel->lock);
	if (channel->reopen_ms)
		delay = hvl_channel_retry(channel);
	if (channel->open)
		delay = hvl_channel_run(channel);
	if (delay >= 0)
		queue_delayed_work(system_highpri_wq, &channel->work, msecs_to_jiffies(delay));
	mutex_unlock(&channel->lock);
}

/* Sends the pending results, and waits up to HVL_DRAIN_MS for space in the ring. */
static void hvl_channel_drain(struct hvl_channel *channel)
{
	unsigned long end = jiffies + msecs_to_jiffies(HVL_DRAIN_MS);
	int ret;

	do {
		ret = hvl_channel_transmit(channel);
		if (ret == -EAGAIN)
			msleep(HVL_RETRY_MS);
	} while ((ret == -EAGAIN || ret > 0) && time_before(jiffies, end));
}

/* Afterwards neither the work nor the callback of the channel uses @channel. */
static void hvl_channel_close(struct hvl_channel *channel)
{
	mutex_lock(&channel->lock);
	channel->reopen_ms = 0;
	if (channel->open) {
		hvl_channel_drain(channel);
		channel->open = false;
		vmbus_close(channel->device->channel);
	}
	mutex_unlock(&channel->lock);
	cancel_delayed_work_sync(&channel->work);
}

static int hvl_resume(struct hv_device *device)
{
	struct hvl_channel *channel = hv_get_drvdata(device);

	hvl_core_resume(channel->core);
	mutex_lock(&channel->lock);
	hvl_channel_reopen(channel);
	mutex_unlock(&channel->lock);
	/* A result may be pending from before the suspend. */
	hvl_channel_kick(channel);
	return 0;
}

static int hvl_suspend(struct hv_device *device)
{
	struct hvl_channel *channel = hv_get_drvdata(device);

	hvl_core_suspend(channel->core);
	hvl_channel_close(channel);
	return 0;
}

static int hvl_probe(struct hv_device *device, const struct hv_vmbus_device_id *id)
{
	struct hvl_channel *channel;
	int ret = -ENOMEM;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return -ENOMEM;
	channel->device = device;
	mutex_init(&channel->lock);
	INIT_DELAYED_WORK(&channel->work, hvl_channel_work);
	channel->core = hvl_core_create(hvl_channel_kick, channel);
	if (!channel->core)
		goto free_channel;
	hv_set_drvdata(device, channel);

	mutex_lock(&channel->lock);
	ret = hvl_channel_open(channel);
	mutex_unlock(&channel->lock);
	if (ret)
		goto close_channel;

	ret = hvl_chardev_register(channel->core, &device->device);
	if (ret) {
		dev_err(&device->device, "can't register /dev/%s: %d\n", HV_LOGOFF_DEVICE, ret);
		goto close_channel;
	}
	return 0;

close_channel:
	hvl_channel_close(channel);
	hvl_core_put(channel->core);
free_channel:
	kfree(channel);
	return ret;
}

static void hvl_remove(struct hv_device *device)
{
	struct hvl_channel *channel = hv_get_drvdata(device);

	hvl_chardev_unregister(channel->core);
	hvl_core_stop(channel->core);
	hvl_channel_close(channel);
	hvl_core_put(channel->core);
	kfree(channel);
}

static const struct hv_vmbus_device_id hvl_id_table[] = {
	{ HV_LOGOFF_GUID, },
	{ },
};
MODULE_DEVICE_TABLE(vmbus, hvl_id_table);

static struct hv_driver hvl_driver = {
	.name = "hv_logoff",
	.id_table = hvl_id_table,
	.probe = hvl_probe,
	.remove = hvl_remove,
	.suspend = hvl_suspend,
	.resume = hvl_resume,
};

static int __init hvl_init(void)
{
	return vmbus_driver_register(&hvl_driver);
}

static void __exit hvl_exit(void)
{
	vmbus_driver_unregister(&hvl_driver);
}

module_init(hvl_init);
module_exit(hvl_exit);

MODULE_DESCRIPTION("Hyper-V guest user logoff");
MODULE_AUTHOR("The hv-logoff developers");
MODULE_LICENSE("GPL");
