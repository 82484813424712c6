/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of one logoff component: its request, between the channel to the
 * host (channel.c) and the char device of the daemon (chardev.c).
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

struct vmbus_channel;

/* Seconds past a request's timeout after which the driver completes it itself. */
#define HVL_OVERTIME_SECONDS	5

/* Bytes after each packet in a ring: VMBUS_PKT_TRAILER in drivers/hv. */
#define HVL_TRAILER_SIZE	8

/* SESSION messages that are queued for a host that reads slowly. */
#define HVL_SESSIONS_MAX	256

/**
 * struct hvl_message - a message and the transaction id of its VMBus packet
 * @trans_id: transaction id; an answer repeats it
 * @packet: the message
 */
struct hvl_message {
	u64 trans_id;
	struct hvl_packet packet;
};

static_assert(sizeof(struct hvl_packet) == HVL_PACKET_MAX);

/* The records that read() returns. */
union hvl_record {
	struct hv_logoff_header header;
	struct hv_logoff_hello hello;
	struct hv_logoff_request request;
	struct hv_logoff_target target;
	struct hv_logoff_cancel cancel;
};

/* The state of the version handshake with the daemon. */
enum hvl_daemon {
	HVL_DAEMON_ABSENT,	/* the device is not open */
	HVL_DAEMON_OPEN,	/* open, no HELLO written */
	HVL_DAEMON_HELLO,	/* HELLO written, the driver's not read yet */
	HVL_DAEMON_READY,	/* the handshake is complete */
};

/**
 * struct hvl_request - the request in flight, or the last one
 * @id: chosen by the host; 0 if there was no request yet
 * @record: type of its record: HV_LOGOFF_REQUEST or HV_LOGOFF_TARGET
 * @trans_id: transaction id of the latest packet with its LOGOFF or TARGET
 * @transaction: transaction number in the IC header of that packet
 * @flags: the flags of the LOGOFF or TARGET
 * @deadline: jiffies when the daemon must have reported the result
 * @grace_end: jiffies when the first session may be ended
 * @delivered: a daemon has read it; not necessarily the attached one
 * @with_daemon: the attached daemon has read it
 * @cancelled: the host's CANCEL was acknowledged and passed to the daemon
 * @replayed: the result is that of an earlier run of the same id
 * @declined: the daemon has not started it: the host can use the id again
 * @reattach: jiffies when the request fails unless a daemon is ready
 * @report: state, progress and result for the host
 * @message: for the users
 * @user: of a TARGET: only this user's sessions
 * @session: of a TARGET: only this session
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
	bool cancelled;
	bool replayed;
	bool declined;
	unsigned long reattach;
	struct hvl_report report;
	char message[HV_LOGOFF_MESSAGE_SIZE];
	char user[HV_LOGOFF_USER_SIZE];
	char session[HV_LOGOFF_SESSION_SIZE];
};

/**
 * struct hvl_queued - a queued SESSION message
 * @list: entry of hvl_core.sessions
 * @body: the message's body
 */
struct hvl_queued {
	struct list_head list;
	struct hvl_session body;
};

/**
 * struct hvl_core - one logoff component
 * @ref: held by the channel and by the open file
 * @offered: entry of the list of components whose offer exists; see chardev.c
 * @misc: the char device; registered while the offer exists, unless another
 *	component has it
 * @wait: readers and pollers of the char device
 * @read_lock: serializes readers; guards @record
 * @record: the record that is being copied to user space
 * @lock: guards all fields below
 * @kick: schedules the channel's work when there is a message to transmit;
 *	called with @lock held, must not sleep; not called after
 *	hvl_core_stop()
 * @kick_data: argument of @kick
 * @stopped: the offer was rescinded, or the driver is being unbound
 * @suspended: the guest is being suspended: no request is accepted
 * @daemon: state of the handshake with the daemon
 * @daemon_version: version that the daemon and the driver use; before the daemon's
 *	HELLO the driver's own
 * @hello_size: bytes of the driver's HELLO, which depend on the daemon's
 * @capabilities: HV_LOGOFF_CAN_* that the daemon and the driver support
 * @host_sent: the host has sent a message since the channel was opened
 * @framework: framework version that was negotiated
 * @version: message version that was negotiated since the channel was opened;
 *	0.0 if none was
 * @request: in flight while its state is below HV_LOGOFF_DONE
 * @expiry: runs when the request's deadline and overtime are over, or its
 *	reattach timeout; ends in hvl_core_stop()
 * @progress_pending: the request's progress is to be sent
 * @complete_pending: the request's result is to be sent
 * @sessions: list of struct hvl_queued, at most HVL_SESSIONS_MAX, oldest first
 * @session_count: length of @sessions
 * @sessions_ahead: entries of @sessions that are sent before the result
 * @sessions_lost: messages dropped since the last entry of @sessions
 * @cancel_id: request that the daemon is to stop working on; 0 if none
 * @cancel_reason: enum hv_logoff_cancel_reason
 * @negotiation: the host's negotiation; answered when a daemon is ready
 * @negotiation_pending: @negotiation is to be answered
 * @answer: the answer to the host's last other message
 * @answer_pending: @answer is to be sent
 */
struct hvl_core {
	struct kref ref;
	struct list_head offered;
	struct miscdevice misc;
	wait_queue_head_t wait;
	struct mutex read_lock; /* guards record */
	union hvl_record record;

	spinlock_t lock; /* guards all fields below */
	void (*kick)(void *data);
	void *kick_data;
	bool stopped;
	bool suspended;
	enum hvl_daemon daemon;
	u32 daemon_version;
	u32 hello_size;
	u64 capabilities;
	bool host_sent;
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
void hvl_core_resume(struct hvl_core *core);

/* host.c, called by the channel */
void hvl_host_opened(struct hvl_core *core);
void hvl_host_receive(struct hvl_core *core, const struct hvl_message *message, u32 length);
bool hvl_host_transmit(struct hvl_core *core, struct hvl_message *message);

/* daemon.c, called by the char device, except hvl_daemon_supports() */
int hvl_daemon_attach(struct hvl_core *core);
void hvl_daemon_detach(struct hvl_core *core);
u32 hvl_daemon_version(struct hvl_core *core);
bool hvl_daemon_supports(const struct hvl_core *core, bool target, u32 flags);
int hvl_daemon_hello(struct hvl_core *core, const struct hv_logoff_hello *hello);
int hvl_daemon_report(struct hvl_core *core, const struct hv_logoff_report *report);
int hvl_daemon_session(struct hvl_core *core, const struct hv_logoff_session *session);
int hvl_daemon_peek(struct hvl_core *core, union hvl_record *record);
bool hvl_daemon_consume(struct hvl_core *core, const union hvl_record *record);
__poll_t hvl_daemon_events(struct hvl_core *core);

/* request.c; called with the core's lock held, except hvl_request_expire() */
bool hvl_request_in_flight(const struct hvl_core *core);
void hvl_request_accept(struct hvl_core *core, const struct hvl_message *message);
void hvl_request_finish(struct hvl_core *core, u32 result, u32 cancel_reason, const char *text);
void hvl_request_arm(struct hvl_core *core);
void hvl_request_expire(struct work_struct *work);
void hvl_request_changed(struct hvl_core *core);

/* session.c; called with the core's lock held, except hvl_session_create() */
struct hvl_queued *hvl_session_create(const struct hv_logoff_session *session);
bool hvl_session_supported(const struct hvl_core *core, const struct hvl_queued *queued);
void hvl_session_queue(struct hvl_core *core, struct hvl_queued *queued);
bool hvl_session_take(struct hvl_core *core, struct hvl_session *body);
void hvl_session_drop_unsupported(struct hvl_core *core);
void hvl_session_drop_all(struct hvl_core *core);

/* ring.c, called by the channel */
int hvl_ring_receive(struct vmbus_channel *vmbus, struct hvl_message *rx, u32 *length);
bool hvl_ring_writable(const struct vmbus_channel *vmbus);

/* chardev.c */
int hvl_chardev_register(struct hvl_core *core, struct device *parent);
void hvl_chardev_unregister(struct hvl_core *core);

#endif /* HV_LOGOFF_CORE_H */
