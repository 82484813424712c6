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
