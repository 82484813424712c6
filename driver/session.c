// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue of SESSION messages.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "core.h"

/**
 * hvl_session_create() - create a message from a record of the daemon
 * @session: passed hvl_record_check()
 *
 * Return: the message, for hvl_session_queue(); NULL if out of memory.
 */
struct hvl_queued *hvl_session_create(const struct hv_logoff_session *session)
{
	struct hvl_queued *queued = kzalloc(sizeof(*queued), GFP_KERNEL_ACCOUNT);
	struct hvl_session *body;

	if (!queued)
		return NULL;
	body = &queued->body;
	body->header.op = HVL_OP_SESSION;
	body->header.id = session->header.id;
	body->outcome = session->outcome;
	body->kind = session->kind;
	body->uid = session->uid;
	memcpy(body->user, session->user, sizeof(body->user));
	memcpy(body->session, session->session, sizeof(body->session));
	return queued;
}

/**
 * hvl_session_supported() - check whether the host supports a message
 * @core: the component
 * @queued: the message
 *
 * Return: whether it belongs to the version that was negotiated.
 */
bool hvl_session_supported(const struct hvl_core *core, const struct hvl_queued *queued)
{
	lockdep_assert_held(&core->lock);
	if (queued->body.outcome > HV_LOGOFF_SELECTED)
		return hvl_version_since(core->version, 1, 2);
	return hvl_version_since(core->version, 1, 1);
}

/**
 * hvl_session_queue() - queue a message
 * @core: the component
 * @queued: owned by the queue from now on
 *
 * If the queue is full, the message is dropped. The next one that is queued has
 * the number of the messages that were dropped before it.
 */
void hvl_session_queue(struct hvl_core *core, struct hvl_queued *queued)
{
	lockdep_assert_held(&core->lock);
	if (core->session_count == HVL_SESSIONS_MAX) {
		core->sessions_lost++;
		kfree(queued);
		return;
	}
	queued->body.lost = core->sessions_lost;
	core->sessions_lost = 0;
	list_add_tail(&queued->list, &core->sessions);
	core->session_count++;
	core->kick(core->kick_data);
}

/**
 * hvl_session_take() - remove the oldest message from the queue
 * @core: the component
 * @body: filled with its body
 *
 * Return: false if there is none; @body is unchanged then.
 */
bool hvl_session_take(struct hvl_core *core, struct hvl_session *body)
{
	struct hvl_queued *queued;

	lockdep_assert_held(&core->lock);
	queued = list_first_entry_or_null(&core->sessions, struct hvl_queued, list);
	if (!queued)
		return false;
	*body = queued->body;
	list_del(&queued->list);
	kfree(queued);
	core->session_count--;
	if (core->sessions_ahead)
		core->sessions_ahead--;
	return true;
}

/**
 * hvl_session_drop_unsupported() - drop the messages that the host does not support
 * @core: the component, whose version was negotiated again
 *
 * They are not counted as lost. The numbers of messages that were lost before them
 * are added to those of the messages that remain.
 */
void hvl_session_drop_unsupported(struct hvl_core *core)
{
	unsigned int ahead = core->sessions_ahead;
	struct hvl_queued *queued;
	LIST_HEAD(all);
	u32 lost = 0;

	lockdep_assert_held(&core->lock);
	list_splice_init(&core->sessions, &all);
	core->session_count = 0;
	core->sessions_ahead = 0;
	while ((queued = list_first_entry_or_null(&all, struct hvl_queued, list))) {
		list_del(&queued->list);
		lost += queued->body.lost;
		if (hvl_session_supported(core, queued)) {
			queued->body.lost = lost;
			lost = 0;
			list_add_tail(&queued->list, &core->sessions);
			core->session_count++;
			core->sessions_ahead += ahead > 0;
		} else {
			kfree(queued);
		}
		ahead -= ahead > 0;
	}
	core->sessions_lost += lost;
}

/**
 * hvl_session_drop_all() - drop all messages, and count them as lost
 * @core: the component
 */
void hvl_session_drop_all(struct hvl_core *core)
{
	struct hvl_session body;
	u32 lost = core->sessions_lost;

	while (hvl_session_take(core, &body))
		lost += 1 + body.lost;
	core->sessions_lost = lost;
}
