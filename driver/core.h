/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One logoff component: the request that it works on, between the channel of
 * channel.c, which talks with the host, and the char device of chardev.c, which
 * talks with the daemon.
 */
#ifndef HV_LOGOFF_CORE_H
#define HV_LOGOFF_CORE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "wire.h"

/* Seconds past its timeout after which a request is answered for the daemon. */
#define HVL_OVERTIME_SECONDS	5

/* What became of sessions, kept for a host that reads slowly. */
#define HVL_SESSIONS_MAX	256

/**
 * struct hvl_message - a packet and the number that VMBus gives it
 * @trans_id: of the VMBus packet; an answer repeats it
 * @packet: the packet
 */
struct hvl_message {
	u64 trans_id;
	struct hvl_packet packet;
};

static_assert(sizeof(struct hvl_packet) == HVL_PACKET_MAX);

/* What read() hands to the daemon. */
union hvl_record {
	struct hv_logoff_header header;
	struct hv_logoff_hello hello;
	struct hv_logoff_request request;
	struct hv_logoff_target target;
	struct hv_logoff_cancel cancel;
};

/* How far the version handshake with the daemon has come. */
enum hvl_daemon {
	HVL_DAEMON_ABSENT,	/* the device isn't open */
	HVL_DAEMON_SILENT,	/* open, nothing written */
	HVL_DAEMON_GREETED,	/* HELLO written, ours not read yet */
	HVL_DAEMON_READY,	/* the handshake is over */
};

/**
 * struct hvl_request - the request in flight, or the last one
 * @id: the host's; 0 when there was none yet
 * @record: what the daemon reads of it: HV_LOGOFF_REQUEST or HV_LOGOFF_TARGET
 * @trans_id: VMBus' number of the host's latest LOGOFF or TARGET for it
 * @transaction: the IC header's number of the same
 * @flags: HV_LOGOFF_FORCE, HV_LOGOFF_DRY_RUN
 * @deadline: jiffies when the daemon must have reported the result
 * @grace_end: jiffies when the first session may be ended
 * @delivered: a daemon has read it; not necessarily the one that is attached
 * @with_daemon: the daemon that is attached has read it
 * @reattach: jiffies when a daemon that went away is given up
 * @report: what the host is told
 * @message: for the users
 * @user: of a TARGET, whose sessions
 * @session: of a TARGET, which session
 */
struct hvl_request {
	u64 id;
	u32 record;
	u64 trans_id;
	u8 transaction;
	u32 flags;
	unsigned long deadline;
	unsigned long grace_end;
	bool delivered;
	bool with_daemon;
	unsigned long reattach;
	struct hvl_report report;
	char message[HV_LOGOFF_MESSAGE_SIZE];
	char user[HV_LOGOFF_USER_SIZE];
	char session[HV_LOGOFF_SESSION_SIZE];
};

/**
 * struct hvl_queued - what became of a session, for the host
 * @list: in hvl_core.sessions
 * @body: the message's
 */
struct hvl_queued {
	struct list_head list;
	struct hvl_session body;
};

/**
 * struct hvl_core - one logoff component
 * @ref: held by the channel, and by the open file
 * @misc: the char device; registered as long as the offer is there
 * @wait: readers and pollers of the char device
 * @read_lock: serializes readers, and guards @record
 * @record: being copied to user space
 * @lock: guards everything below
 * @kick: tells the channel that there is something to transmit; called with
 *	@lock held, so must not sleep; not called after hvl_core_stop()
 * @kick_data: argument of @kick
 * @stopped: the offer is gone, or the driver is being unbound from it
 * @daemon: how far the handshake with the daemon has come
 * @daemon_version: that the daemon and we speak; from its HELLO on
 * @framework: framework version that was negotiated
 * @version: message version that was negotiated since the channel was opened; 0.0
 *	when none was
 * @request: in flight while its state is below HV_LOGOFF_DONE
 * @expiry: fires at the request's deadline and overtime, or when a daemon that
 *	went away has not come back; ends in hvl_core_stop()
 * @progress_pending: the host hasn't got the request's report
 * @complete_pending: the host hasn't got the request's result
 * @sessions: of struct hvl_queued, at most HVL_SESSIONS_MAX; oldest first
 * @session_count: of @sessions
 * @sessions_ahead: of @sessions, those that the host gets before the result
 * @sessions_lost: since the last of @sessions
 * @cancel_id: request that the daemon has to be told to stop; 0 when none
 * @cancel_reason: enum hv_logoff_cancel_reason
 * @negotiation: the host's; its answer waits until a daemon is attached
 * @negotiation_pending: @negotiation has not been answered
 * @answer: to the host's last other message
 * @answer_pending: @answer has not been transmitted
 */
struct hvl_core {
	struct kref ref;
	struct miscdevice misc;
	wait_queue_head_t wait;
	struct mutex read_lock; /* guards record */
	union hvl_record record;

	spinlock_t lock; /* guards all below */
	void (*kick)(void *data);
	void *kick_data;
	bool stopped;
	enum hvl_daemon daemon;
	u32 daemon_version;
	struct hvl_version framework;
	struct hvl_version version;
	struct hvl_request request;
	struct delayed_work expiry;
	bool progress_pending;
	bool complete_pending;
	struct list_head sessions;
	unsigned int session_count;
	unsigned int sessions_ahead;
	u32 sessions_lost;
	u64 cancel_id;
	u32 cancel_reason;
	struct hvl_message negotiation;
	bool negotiation_pending;
	struct hvl_message answer;
	bool answer_pending;
};

/* core.c */
struct hvl_core *hvl_core_create(void (*kick)(void *data), void *kick_data);
void hvl_core_put(struct hvl_core *core);
void hvl_core_stop(struct hvl_core *core);
void hvl_core_suspend(struct hvl_core *core);

/* host.c, for the channel */
void hvl_host_opened(struct hvl_core *core);
void hvl_host_receive(struct hvl_core *core, const struct hvl_message *message, u32 length);
bool hvl_host_transmit(struct hvl_core *core, struct hvl_message *message);

/* daemon.c, for the char device */
int hvl_daemon_attach(struct hvl_core *core);
void hvl_daemon_detach(struct hvl_core *core);
int hvl_daemon_hello(struct hvl_core *core, const struct hv_logoff_hello *hello);
int hvl_daemon_report(struct hvl_core *core, const struct hv_logoff_report *report);
int hvl_daemon_session(struct hvl_core *core, const struct hv_logoff_session *session);
int hvl_daemon_peek(struct hvl_core *core, union hvl_record *record);
bool hvl_daemon_consume(struct hvl_core *core, const union hvl_record *record);
__poll_t hvl_daemon_events(struct hvl_core *core);

/* request.c; all with the core's lock held */
bool hvl_request_in_flight(const struct hvl_core *core);
void hvl_request_accept(struct hvl_core *core, const struct hvl_message *message);
void hvl_request_finish(struct hvl_core *core, u32 result, u32 cancel_reason, const char *text);
void hvl_request_arm(struct hvl_core *core);
void hvl_request_expire(struct work_struct *work);
void hvl_request_changed(struct hvl_core *core);

/* session.c; all but the first with the core's lock held */
struct hvl_queued *hvl_session_create(const struct hv_logoff_session *session);
void hvl_session_queue(struct hvl_core *core, struct hvl_queued *queued);
bool hvl_session_take(struct hvl_core *core, struct hvl_session *body);
void hvl_session_drop_all(struct hvl_core *core);

/* chardev.c */
int hvl_chardev_register(struct hvl_core *core);
void hvl_chardev_unregister(struct hvl_core *core);

#endif /* HV_LOGOFF_CORE_H */
