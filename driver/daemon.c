// SPDX-License-Identifier: GPL-2.0-only
/*
 * The records of the daemon: what it reads, and the effect of what it writes.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "core.h"

static unsigned int reattach_seconds = 5;
module_param(reattach_seconds, uint, 0644);
MODULE_PARM_DESC(reattach_seconds,
		 "Seconds that a request waits for another daemon (default 5, at most 3600)");

/**
 * hvl_daemon_attach() - the char device is being opened
 * @core: the component; the caller has a reference
 *
 * Return: 0, -EBUSY if it is open already, -ENODEV if the offer is gone.
 */
int hvl_daemon_attach(struct hvl_core *core)
{
	int ret = 0;

	spin_lock(&core->lock);
	if (core->stopped)
		ret = -ENODEV;
	else if (core->daemon != HVL_DAEMON_ABSENT)
		ret = -EBUSY;
	if (!ret) {
		core->daemon = HVL_DAEMON_OPEN;
		core->daemon_version = HV_LOGOFF_VERSION;
	}
	spin_unlock(&core->lock);
	return ret;
}

/**
 * hvl_daemon_detach() - the char device has been closed
 * @core: the component
 *
 * A request in flight waits for the next daemon, up to the reattach timeout. One
 * that the host has cancelled is not delivered again if no session was ended.
 */
void hvl_daemon_detach(struct hvl_core *core)
{
	struct hvl_request *request = &core->request;
	bool ready;

	spin_lock(&core->lock);
	ready = core->daemon == HVL_DAEMON_READY;
	core->daemon = HVL_DAEMON_ABSENT;
	core->cancel_id = 0;
	request->with_daemon = false;
	if (request->cancelled && request->report.state < HV_LOGOFF_ENDING)
		hvl_request_finish(core, HV_LOGOFF_E_CANCELLED, 0,
				   "cancelled; the daemon in the guest exited");
	/* A daemon that never completed the handshake does not extend the timeout. */
	if (ready && hvl_request_in_flight(core)) {
		request->reattach = jiffies + min(READ_ONCE(reattach_seconds), 3600U) * HZ;
		hvl_request_arm(core);
	}
	spin_unlock(&core->lock);
}

/**
 * hvl_daemon_version() - get the version that applies to a record of the daemon
 * @core: the component
 *
 * Return: HV_LOGOFF_VERSION_*.
 */
u32 hvl_daemon_version(struct hvl_core *core)
{
	u32 version;

	spin_lock(&core->lock);
	version = core->daemon_version;
	spin_unlock(&core->lock);
	return version;
}

/* The flags of a TARGET that not every daemon supports, and their capabilities. */
static const struct {
	u32 flag;
	u64 capability;
} hvl_optional_flags[] = {
	{ HV_LOGOFF_INCLUDE_LINGERING, HV_LOGOFF_CAN_INCLUDE_LINGERING },
	{ HV_LOGOFF_NO_LOGINS, HV_LOGOFF_CAN_NO_LOGINS },
};

#define HVL_CAPABILITIES	(HV_LOGOFF_CAN_INCLUDE_LINGERING | HV_LOGOFF_CAN_NO_LOGINS)

/**
 * hvl_daemon_supports() - check whether the daemon supports a request
 * @core: the component; a daemon is ready; the core's lock is held
 * @target: it is a TARGET
 * @flags: its flags, which the version of the host's messages has
 *
 * The daemon can be another one than when the version was negotiated.
 *
 * Return: whether it may be passed to the daemon.
 */
bool hvl_daemon_supports(const struct hvl_core *core, bool target, u32 flags)
{
	unsigned int i;

	lockdep_assert_held(&core->lock);
	if (target && core->daemon_version < HV_LOGOFF_VERSION_1_1)
		return false;
	for (i = 0; i < ARRAY_SIZE(hvl_optional_flags); i++)
		if ((flags & hvl_optional_flags[i].flag) &&
		    !(core->capabilities & hvl_optional_flags[i].capability))
			return false;
	return true;
}

/**
 * hvl_daemon_hello() - the daemon starts the handshake
 * @core: the component
 * @hello: passed hvl_record_check()
 *
 * Return: 0, -EPROTO if it did so before, -ENODEV.
 */
int hvl_daemon_hello(struct hvl_core *core, const struct hv_logoff_hello *hello)
{
	int ret = 0;

	spin_lock(&core->lock);
	if (core->stopped) {
		ret = -ENODEV;
	} else if (core->daemon != HVL_DAEMON_OPEN) {
		ret = -EPROTO;
	} else {
		core->daemon = HVL_DAEMON_HELLO;
		core->daemon_version = min_t(u32, hello->version, HV_LOGOFF_VERSION);
		core->hello_size = min_t(u32, hello->header.size, sizeof(*hello));
		core->capabilities = hello->capabilities & HVL_CAPABILITIES;
		wake_up_all(&core->wait);
	}
	spin_unlock(&core->lock);
	return ret;
}

static void hvl_daemon_update(struct hvl_core *core, const struct hv_logoff_report *report)
{
	struct hvl_report *note = &core->request.report;

	/* A daemon starts over after a redelivery; the host's values never decrease. */
	note->percent = max(note->percent, report->percent);
	note->found = report->found;
	note->ended = report->ended;
	note->failed = report->failed;
	if (report->state == HV_LOGOFF_DONE) {
		core->request.replayed = report->flags & HV_LOGOFF_REPLAYED;
		/* Not if this or an earlier daemon has reported that it started. */
		core->request.declined = report->flags & HV_LOGOFF_DECLINED &&
					 note->state < HV_LOGOFF_GRACE;
		hvl_request_finish(core, report->result, 0, report->text);
		return;
	}
	note->state = max(note->state, report->state);
	memcpy(note->text, report->text, sizeof(note->text));
	hvl_request_changed(core);
}

/* Return: 0 if the daemon may report on the request @id, otherwise an error. */
static int hvl_daemon_may_report(const struct hvl_core *core, u64 id)
{
	if (core->stopped)
		return -ENODEV;
	if (core->daemon != HVL_DAEMON_READY)
		return -EPROTO;
	if (id != core->request.id || !core->request.with_daemon || !hvl_request_in_flight(core))
		return -ESTALE;
	return 0;
}

/**
 * hvl_daemon_report() - the daemon reports progress or the result
 * @core: the component
 * @report: passed hvl_record_check()
 *
 * Return: 0, -EPROTO before the end of the handshake, -ESTALE if the report is
 * not about the request that this daemon works on, -ENODEV.
 */
int hvl_daemon_report(struct hvl_core *core, const struct hv_logoff_report *report)
{
	int ret;

	spin_lock(&core->lock);
	ret = hvl_daemon_may_report(core, report->header.id);
	if (!ret)
		hvl_daemon_update(core, report);
	spin_unlock(&core->lock);
	return ret;
}

/**
 * hvl_daemon_session() - the daemon reports the outcome of a session
 * @core: the component
 * @session: passed hvl_record_check()
 *
 * Return: as hvl_daemon_report(), but -ESTALE only if @session names a request;
 * -ENOMEM.
 */
int hvl_daemon_session(struct hvl_core *core, const struct hv_logoff_session *session)
{
	struct hvl_queued *queued = hvl_session_create(session);
	int ret;

	if (!queued)
		return -ENOMEM;
	spin_lock(&core->lock);
	ret = hvl_daemon_may_report(core, session->header.id);
	if (ret == -ESTALE && !session->header.id)
		ret = 0;
	if (!ret && hvl_session_supported(core, queued)) {
		hvl_session_queue(core, queued);
		queued = NULL;
	}
	spin_unlock(&core->lock);
	kfree(queued);
	return ret;
}

static u32 seconds_until(unsigned long when)
{
	return time_after(when, jiffies) ? DIV_ROUND_UP(when - jiffies, HZ) : 0;
}

static void hvl_build_hello(const struct hvl_core *core, union hvl_record *record)
{
	record->hello.header.type = HV_LOGOFF_HELLO;
	record->hello.header.size = core->hello_size;
	record->hello.version = core->daemon_version;
	record->hello.minimum = HV_LOGOFF_VERSION_1_0;
	record->hello.capabilities = core->capabilities;
}

static void hvl_build_cancel(const struct hvl_core *core, union hvl_record *record)
{
	record->cancel.header.type = HV_LOGOFF_CANCEL;
	record->cancel.header.size = sizeof(record->cancel);
	record->cancel.header.id = core->cancel_id;
	record->cancel.reason = core->cancel_reason;
}

static void hvl_build_request(const struct hvl_core *core, union hvl_record *record)
{
	const struct hvl_request *request = &core->request;

	record->request.header.type = request->record;
	record->request.header.size = request->record == HV_LOGOFF_TARGET ?
				      sizeof(record->target) : sizeof(record->request);
	record->request.header.id = request->id;
	record->request.flags = request->flags;
	if (request->delivered)
		record->request.flags |= HV_LOGOFF_REDELIVERED;
	record->request.timeout = max(seconds_until(request->deadline), 1U);
	/* Once a session has been ended, the remaining ones get no grace period. */
	if (request->report.state < HV_LOGOFF_ENDING)
		record->request.grace = seconds_until(request->grace_end);
	memcpy(record->request.message, request->message, sizeof(request->message));
	memcpy(record->target.user, request->user, sizeof(request->user));
	memcpy(record->target.session, request->session, sizeof(request->session));
}

/*
 * Return: the type of the next record for the daemon, 0 if there is none. A
 * cancellation comes first: it may belong to the request before the pending one.
 */
static u32 hvl_next_record(const struct hvl_core *core)
{
	lockdep_assert_held(&core->lock);
	if (core->daemon == HVL_DAEMON_HELLO)
		return HV_LOGOFF_HELLO;
	if (core->daemon != HVL_DAEMON_READY)
		return 0;
	if (core->cancel_id)
		return HV_LOGOFF_CANCEL;
	if (hvl_request_in_flight(core) && !core->request.with_daemon)
		return core->request.record;
	return 0;
}

/**
 * hvl_daemon_peek() - get the next record for the daemon
 * @core: the component
 * @record: filled with the record, which stays the next one until
 *	hvl_daemon_consume()
 *
 * Return: 0, -EAGAIN if there is none, -EPROTO if the daemon has not started the
 * handshake, -ENODEV.
 */
int hvl_daemon_peek(struct hvl_core *core, union hvl_record *record)
{
	int ret = 0;

	memset(record, 0, sizeof(*record));
	spin_lock(&core->lock);
	if (core->stopped) {
		ret = -ENODEV;
		goto unlock;
	}
	switch (hvl_next_record(core)) {
	case HV_LOGOFF_HELLO:
		hvl_build_hello(core, record);
		break;
	case HV_LOGOFF_CANCEL:
		hvl_build_cancel(core, record);
		break;
	case HV_LOGOFF_REQUEST:
	case HV_LOGOFF_TARGET:
		hvl_build_request(core, record);
		break;
	default:
		ret = core->daemon == HVL_DAEMON_READY ? -EAGAIN : -EPROTO;
	}
unlock:
	spin_unlock(&core->lock);
	return ret;
}

static void hvl_consume_hello(struct hvl_core *core)
{
	const struct hvl_request *request = &core->request;

	core->daemon = HVL_DAEMON_READY;
	if (!hvl_daemon_supports(core, request->record == HV_LOGOFF_TARGET, request->flags))
		hvl_request_finish(core, HV_LOGOFF_E_EXCEPTION, 0,
				   "the daemon in the guest was replaced by one that does not support the request");
	if (hvl_request_in_flight(core))
		hvl_request_arm(core);
	/* A negotiation may be pending. */
	core->kick(core->kick_data);
}

static bool hvl_consume_request(struct hvl_core *core, const union hvl_record *record)
{
	struct hvl_request *request = &core->request;

	if (request->id != record->header.id || !hvl_request_in_flight(core))
		return false;
	request->delivered = true;
	request->with_daemon = true;
	request->report.state = max_t(u32, request->report.state, HV_LOGOFF_DELIVERED);
	hvl_request_changed(core);
	return true;
}

/**
 * hvl_daemon_consume() - the daemon has read a record
 * @core: the component
 * @record: from hvl_daemon_peek()
 *
 * Return: false if @record has become outdated and must not be delivered.
 */
bool hvl_daemon_consume(struct hvl_core *core, const union hvl_record *record)
{
	bool valid = false;

	spin_lock(&core->lock);
	if (core->stopped)
		goto unlock;
	switch (record->header.type) {
	case HV_LOGOFF_HELLO:
		hvl_consume_hello(core);
		valid = true;
		break;
	case HV_LOGOFF_CANCEL:
		valid = core->cancel_id == record->header.id &&
			core->cancel_reason == record->cancel.reason;
		if (valid)
			core->cancel_id = 0;
		break;
	case HV_LOGOFF_REQUEST:
	case HV_LOGOFF_TARGET:
		valid = hvl_consume_request(core, record);
		break;
	}
unlock:
	spin_unlock(&core->lock);
	return valid;
}

/**
 * hvl_daemon_events() - get the events for poll()
 * @core: the component
 *
 * Return: a mask of EPOLL*.
 */
__poll_t hvl_daemon_events(struct hvl_core *core)
{
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	spin_lock(&core->lock);
	if (core->stopped)
		events = EPOLLERR | EPOLLHUP;
	else if (hvl_next_record(core))
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&core->lock);
	return events;
}
