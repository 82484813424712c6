// SPDX-License-Identifier: GPL-2.0-only
/*
 * Create, stop and free a logoff component.
 */
#include <linux/slab.h>

#include "core.h"

/**
 * hvl_core_create() - create a component without a host and without a daemon
 * @kick: see struct hvl_core
 * @kick_data: argument of @kick
 *
 * Return: the component, released by hvl_core_put(); NULL if out of memory.
 */
struct hvl_core *hvl_core_create(void (*kick)(void *data), void *kick_data)
{
	struct hvl_core *core = kzalloc(sizeof(*core), GFP_KERNEL);

	if (!core)
		return NULL;
	kref_init(&core->ref);
	init_waitqueue_head(&core->wait);
	mutex_init(&core->read_lock);
	spin_lock_init(&core->lock);
	core->kick = kick;
	core->kick_data = kick_data;
	core->request.report.state = HV_LOGOFF_DONE;
	INIT_LIST_HEAD(&core->sessions);
	INIT_DELAYED_WORK(&core->expiry, hvl_request_expire);
	return core;
}

static void hvl_core_free(struct kref *ref)
{
	struct hvl_core *core = container_of(ref, struct hvl_core, ref);

	spin_lock(&core->lock);
	hvl_session_drop_all(core);
	spin_unlock(&core->lock);
	kfree(core);
}

void hvl_core_put(struct hvl_core *core)
{
	kref_put(&core->ref, hvl_core_free);
}

/**
 * hvl_core_stop() - refuse further requests, and complete the one in flight
 * @core: the component; its char device is not registered any more
 *
 * hvl_host_transmit() returns the result of the request in flight. A daemon that
 * has the char device open gets ENODEV from now on.
 */
void hvl_core_stop(struct hvl_core *core)
{
	spin_lock(&core->lock);
	hvl_request_finish(core, HV_LOGOFF_E_EXCEPTION, 0,
			   "the driver was unbound in the guest");
	core->stopped = true;
	spin_unlock(&core->lock);
	cancel_delayed_work_sync(&core->expiry);
	wake_up_all(&core->wait);
}

/**
 * hvl_core_suspend() - complete the request in flight before the guest suspends
 * @core: the component
 *
 * User space is frozen already; the daemon reads the cancellation after the
 * resume. Until then no request is accepted: its result could not be sent before
 * the channel is closed.
 */
void hvl_core_suspend(struct hvl_core *core)
{
	spin_lock(&core->lock);
	core->suspended = true;
	hvl_request_finish(core, HV_LOGOFF_E_EXCEPTION, HV_LOGOFF_CANCEL_SUSPEND,
			   "the guest was suspended");
	spin_unlock(&core->lock);
}

/**
 * hvl_core_resume() - accept requests again
 * @core: the component
 */
void hvl_core_resume(struct hvl_core *core)
{
	spin_lock(&core->lock);
	core->suspended = false;
	spin_unlock(&core->lock);
}
