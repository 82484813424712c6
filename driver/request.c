// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request in flight: accepted, and finished exactly once, in time.
 */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "core.h"

bool hvl_request_in_flight(const struct hvl_core *core)
{
	lockdep_assert_held(&core->lock);
	return core->request.report.state != HV_LOGOFF_DONE;
}

/**
 * hvl_request_changed() - send the request's progress to the host
 * @core: the component
 *
 * Progress that does not fit into the ring is merged: the host gets the newest.
 */
void hvl_request_changed(struct hvl_core *core)
{
	lockdep_assert_held(&core->lock);
	core->progress_pending = true;
	core->kick(core->kick_data);
}

/**
 * hvl_request_arm() - set the timer to the time at which the request fails
 * @core: the component, with a request in flight
 */
void hvl_request_arm(struct hvl_core *core)
{
	const struct hvl_request *request = &core->request;
	unsigned long expires = request->deadline + HVL_OVERTIME_SECONDS * HZ;

	lockdep_assert_held(&core->lock);
	if (core->daemon != HVL_DAEMON_READY && time_before(request->reattach, expires))
		expires = request->reattach;
	mod_delayed_work(system_long_wq, &core->expiry,
			 time_after(expires, jiffies) ? expires - jiffies : 0);
}

static void hvl_request_set_target(struct hvl_request *request, const struct hvl_target *target)
{
	request->record = HV_LOGOFF_TARGET;
	strscpy(request->user, target->user, sizeof(request->user));
	strscpy(request->session, target->session, sizeof(request->session));
}

/**
 * hvl_request_accept() - start working on a request
 * @core: the component; a daemon is ready, no request is in flight, and no result
 *	is pending
 * @message: a LOGOFF or TARGET that passed hvl_check_request()
 */
void hvl_request_accept(struct hvl_core *core, const struct hvl_message *message)
{
	const struct hvl_logoff *logoff = &message->packet.body.logoff;
	struct hvl_request *request = &core->request;

	lockdep_assert_held(&core->lock);
	memset(request, 0, sizeof(*request));
	request->id = logoff->header.id;
	request->record = HV_LOGOFF_REQUEST;
	request->trans_id = message->trans_id;
	request->transaction = message->packet.header.transaction;
	request->flags = logoff->header.flags;
	request->deadline = jiffies + logoff->timeout * HZ;
	request->grace_end = jiffies + logoff->grace * HZ;
	strscpy(request->message, logoff->message, sizeof(request->message));
	if (logoff->header.op == HVL_OP_TARGET)
		hvl_request_set_target(request, &message->packet.body.target);
	request->report.state = HV_LOGOFF_PENDING;
	hvl_request_arm(core);
	wake_up_all(&core->wait);
}

/**
 * hvl_request_finish() - complete the request in flight, if there is one
 * @core: the component
 * @result: HRESULT for the host
 * @cancel_reason: reason of the CANCEL for the daemon that works on it; 0 to
 *	send none
 * @text: human-readable, for the host
 */
void hvl_request_finish(struct hvl_core *core, u32 result, u32 cancel_reason, const char *text)
{
	struct hvl_request *request = &core->request;

	lockdep_assert_held(&core->lock);
	if (!hvl_request_in_flight(core))
		return;
	request->report.state = HV_LOGOFF_DONE;
	request->report.result = result;
	memset(request->report.text, 0, sizeof(request->report.text));
	strscpy(request->report.text, text, sizeof(request->report.text));
	core->progress_pending = false;
	core->complete_pending = true;
	core->sessions_ahead = core->session_count;
	/* The daemon may not have read the cancellation of the previous request. */
	if (core->cancel_id == request->id)
		core->cancel_id = 0;
	if (cancel_reason && request->with_daemon) {
		core->cancel_id = request->id;
		core->cancel_reason = cancel_reason;
		wake_up_all(&core->wait);
	}
	core->kick(core->kick_data);
}

void hvl_request_expire(struct work_struct *work)
{
	struct hvl_core *core = container_of(to_delayed_work(work), struct hvl_core, expiry);
	const struct hvl_request *request = &core->request;

	spin_lock(&core->lock);
	if (!hvl_request_in_flight(core))
		goto unlock;
	if (time_after_eq(jiffies, request->deadline + HVL_OVERTIME_SECONDS * HZ))
		hvl_request_finish(core, HV_LOGOFF_E_TIMED_OUT, HV_LOGOFF_CANCEL_TIMEOUT,
				   "the daemon in the guest did not report in time");
	else if (core->daemon != HVL_DAEMON_READY && time_after_eq(jiffies, request->reattach))
		hvl_request_finish(core, HV_LOGOFF_E_EXCEPTION, 0,
				   "the daemon in the guest exited and no other took over");
	else
		hvl_request_arm(core);
unlock:
	spin_unlock(&core->lock);
}
