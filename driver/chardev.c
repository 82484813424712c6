// SPDX-License-Identifier: GPL-2.0-only
/*
 * The char device /dev/vmbus/hv_logoff, which transfers whole records.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "core.h"
#include "record.h"

static int hvl_open(struct inode *inode, struct file *file)
{
	struct hvl_core *core = container_of(file->private_data, struct hvl_core, misc);
	int ret;

	ret = hvl_daemon_attach(core);
	if (ret)
		return ret;
	/* misc_deregister() waits for open(), so the channel still holds its reference. */
	kref_get(&core->ref);
	file->private_data = core;
	return stream_open(inode, file);
}

static int hvl_release(struct inode *inode, struct file *file)
{
	struct hvl_core *core = file->private_data;

	hvl_daemon_detach(core);
	hvl_core_put(core);
	return 0;
}

/* Waits for the next record, and copies it to core->record. */
static int hvl_wait_record(struct hvl_core *core, bool nonblock)
{
	int ret, interrupted;

	lockdep_assert_held(&core->read_lock);
	ret = hvl_daemon_peek(core, &core->record);
	if (ret != -EAGAIN || nonblock)
		return ret;
	interrupted = wait_event_interruptible(core->wait,
					       (ret = hvl_daemon_peek(core, &core->record)) !=
						       -EAGAIN);
	return interrupted ?: ret;
}

static ssize_t hvl_read_record(struct hvl_core *core, char __user *buffer, size_t count,
			       bool nonblock)
{
	const union hvl_record *record = &core->record;
	int ret;

	/* Hold only read_lock: the copy may block indefinitely. */
	do {
		ret = hvl_wait_record(core, nonblock);
		if (ret)
			return ret;
		if (count < record->header.size)
			return -EMSGSIZE;
		if (copy_to_user(buffer, record, record->header.size))
			return -EFAULT;
	} while (!hvl_daemon_consume(core, record));
	return record->header.size;
}

static ssize_t hvl_read(struct file *file, char __user *buffer, size_t count, loff_t *ppos)
{
	struct hvl_core *core = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK;
	ssize_t ret;

	if (nonblock) {
		if (!mutex_trylock(&core->read_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&core->read_lock)) {
		return -ERESTARTSYS;
	}
	ret = hvl_read_record(core, buffer, count, nonblock);
	mutex_unlock(&core->read_lock);
	return ret;
}

static ssize_t hvl_write(struct file *file, const char __user *buffer, size_t count,
			 loff_t *ppos)
{
	struct hvl_core *core = file->private_data;
	union hvl_written record;
	int ret;

	if (count > HV_LOGOFF_RECORD_MAX)
		return -EMSGSIZE;
	/* The bytes after the record are not copied, but checked to be zero. */
	ret = copy_struct_from_user(&record, sizeof(record), buffer, count);
	if (ret)
		return ret == -E2BIG ? -EINVAL : ret;
	ret = hvl_record_check(&record, count, hvl_daemon_version(core));
	if (ret)
		return ret;

	if (record.header.type == HV_LOGOFF_HELLO)
		ret = hvl_daemon_hello(core, &record.hello);
	else if (record.header.type == HV_LOGOFF_REPORT)
		ret = hvl_daemon_report(core, &record.report);
	else
		ret = hvl_daemon_session(core, &record.session);
	return ret ?: count;
}

static __poll_t hvl_poll(struct file *file, poll_table *wait)
{
	struct hvl_core *core = file->private_data;

	poll_wait(file, &core->wait, wait);
	return hvl_daemon_events(core);
}

static const struct file_operations hvl_fops = {
	.owner = THIS_MODULE,
	.open = hvl_open,
	.release = hvl_release,
	.read = hvl_read,
	.write = hvl_write,
	.poll = hvl_poll,
};

/* The components whose offer exists, oldest first, and the one that owns the char device. */
static LIST_HEAD(hvl_offered);
static struct hvl_core *hvl_owner;
static DEFINE_MUTEX(hvl_offered_lock); /* guards both */

static int hvl_chardev_own(struct hvl_core *core)
{
	int ret;

	lockdep_assert_held(&hvl_offered_lock);
	ret = misc_register(&core->misc);
	if (!ret)
		hvl_owner = core;
	return ret;
}

static void hvl_chardev_hand_over(void)
{
	struct hvl_core *core;
	int ret;

	list_for_each_entry(core, &hvl_offered, offered) {
		ret = hvl_chardev_own(core);
		if (!ret)
			return;
		dev_err(core->misc.parent, "can't register /dev/%s: %d\n", HV_LOGOFF_DEVICE, ret);
	}
}

/**
 * hvl_chardev_register() - register the char device, or queue for it
 * @core: the component
 * @parent: the device of its offer
 *
 * There is only one char device. While another component owns it, @core serves its
 * channel without a daemon. It gets the device when the other one is unregistered:
 * a host may make a new offer before the guest has released the old one.
 *
 * Return: 0, even without the device, or an error of misc_register().
 */
int hvl_chardev_register(struct hvl_core *core, struct device *parent)
{
	int ret = 0;

	core->misc.minor = MISC_DYNAMIC_MINOR;
	core->misc.name = HV_LOGOFF_DEVICE;
	core->misc.fops = &hvl_fops;
	core->misc.mode = 0600;
	core->misc.parent = parent;

	mutex_lock(&hvl_offered_lock);
	if (hvl_owner)
		dev_info(parent, "/dev/%s belongs to another offer\n", HV_LOGOFF_DEVICE);
	else
		ret = hvl_chardev_own(core);
	if (!ret)
		list_add_tail(&core->offered, &hvl_offered);
	mutex_unlock(&hvl_offered_lock);
	return ret;
}

/**
 * hvl_chardev_unregister() - unregister the char device
 * @core: the component, which was registered; an open file keeps its reference
 *
 * If @core owned the char device, the oldest other component gets it.
 */
void hvl_chardev_unregister(struct hvl_core *core)
{
	mutex_lock(&hvl_offered_lock);
	list_del(&core->offered);
	if (hvl_owner == core) {
		misc_deregister(&core->misc);
		hvl_owner = NULL;
		hvl_chardev_hand_over();
	}
	mutex_unlock(&hvl_offered_lock);
}
