/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host sends and receives. The driver, and the daemon for its sockets,
 * run the same vectors, so that they answer in the same way.
 *
 * This is also compiled outside the kernel, so it uses no KUnit.
 */
#ifndef HV_LOGOFF_KUNIT_VECTORS_H
#define HV_LOGOFF_KUNIT_VECTORS_H

#include <linux/string.h>

#include "../wire.h"

/**
 * enum vector_action - what happens, or is expected
 * @VECTOR_END: the vector is over
 * @VECTOR_NEGOTIATE: the host negotiates a version, and receives it in the answer
 * @VECTOR_SEND: the host sends a message
 * @VECTOR_DELIVER: the host sends a LOGOFF, and receives PROGRESS: the daemon has it
 * @VECTOR_RECEIVE: the host receives a message with a body
 * @VECTOR_REFUSED: the host receives a header with a status
 * @VECTOR_NOTHING: there is no message for the host
 * @VECTOR_REPORT: the request's progress or result is reported. After a CANCEL, the
 *	result can have been reported already
 * @VECTOR_OUTCOME: the outcome of a session is reported
 */
enum vector_action {
	VECTOR_END,
	VECTOR_NEGOTIATE,
	VECTOR_SEND,
	VECTOR_DELIVER,
	VECTOR_RECEIVE,
	VECTOR_REFUSED,
	VECTOR_NOTHING,
	VECTOR_REPORT,
	VECTOR_OUTCOME,
};

/**
 * enum vector_fault - what is wrong with a message that the host sends
 * @VECTOR_VALID: nothing
 * @VECTOR_TYPE: its type is unknown
 * @VECTOR_SHORT: the last byte of its body is missing
 * @VECTOR_LONG: it has a byte behind its body that is not zero
 * @VECTOR_GROWN: it has a zero byte behind its body; valid since 1.2
 * @VECTOR_TIMEOUT: its timeout is 0
 * @VECTOR_GRACE: its grace is not less than its timeout
 * @VECTOR_TEXT: its message has no NUL
 */
enum vector_fault {
	VECTOR_VALID,
	VECTOR_TYPE,
	VECTOR_SHORT,
	VECTOR_LONG,
	VECTOR_GROWN,
	VECTOR_TIMEOUT,
	VECTOR_GRACE,
	VECTOR_TEXT,
};

/**
 * struct vector_step - one step; what an action does not use is 0
 * @action: enum vector_action
 * @count: how often it is repeated in addition
 * @op: enum hvl_op
 * @id: the request
 * @flags: of the operation
 * @transaction: of the message's header
 * @status: of the message's header; of a COMPLETE also its result
 * @state: of a report
 * @percent: of a report
 * @result: of any other report whose state is HV_LOGOFF_DONE
 * @outcome: of a session
 * @lost: of a session
 * @minor: of the version 1.@minor
 * @fault: enum vector_fault
 */
struct vector_step {
	__u8 action;
	__u16 count;
	__u32 op;
	__u64 id;
	__u32 flags;
	__u8 transaction;
	__u32 status;
	__u32 state;
	__u32 percent;
	__u32 result;
	__u32 outcome;
	__u32 lost;
	__u16 minor;
	__u8 fault;
};

#define VECTOR_STEPS_MAX	20
#define VECTOR_ID		0x1122334455667788ULL
#define VECTOR_OTHER_ID		0x99ULL
#define VECTOR_UID		1000

struct vector {
	const char *name;
	struct vector_step steps[VECTOR_STEPS_MAX];
};

#define NEGOTIATE(minor_)	{ .action = VECTOR_NEGOTIATE, .minor = (minor_) }
#define SEND(op_, id_, number, ...) \
	{ .action = VECTOR_SEND, .op = (op_), .id = (id_), .transaction = (number), __VA_ARGS__ }
/* An answer. Of PROGRESS, the transaction is that of the LOGOFF. */
#define RECEIVE(op_, id_, number, state_, ...) \
	{ .action = VECTOR_RECEIVE, .op = (op_), .id = (id_), .transaction = (number), \
	  .state = (state_), __VA_ARGS__ }
#define COMPLETE(id_, number, result_, ...) \
	RECEIVE(HVL_OP_COMPLETE, id_, number, HV_LOGOFF_DONE, .status = (result_), __VA_ARGS__)
#define SESSION(id_, outcome_, ...) \
	{ .action = VECTOR_RECEIVE, .op = HVL_OP_SESSION, .id = (id_), .outcome = (outcome_), \
	  __VA_ARGS__ }
#define REFUSED(number, status_) \
	{ .action = VECTOR_REFUSED, .transaction = (number), .status = (status_) }
#define NOTHING	{ .action = VECTOR_NOTHING }
#define REPORT(id_, state_, ...) \
	{ .action = VECTOR_REPORT, .id = (id_), .state = (state_), __VA_ARGS__ }
#define OUTCOME(id_, outcome_, ...) \
	{ .action = VECTOR_OUTCOME, .id = (id_), .outcome = (outcome_), __VA_ARGS__ }
#define DELIVERED(number) \
	{ .action = VECTOR_DELIVER, .op = HVL_OP_LOGOFF, .id = VECTOR_ID, \
	  .transaction = (number), .state = HV_LOGOFF_DELIVERED }

static const struct vector vectors[] = {
	{ "a request completes", {
		NEGOTIATE(2), DELIVERED(1), NOTHING,
		REPORT(VECTOR_ID, HV_LOGOFF_GRACE, .percent = 10),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 1, HV_LOGOFF_GRACE, .percent = 10),
		REPORT(VECTOR_ID, HV_LOGOFF_ENDING, .percent = 50),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 1, HV_LOGOFF_ENDING, .percent = 50),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE, .percent = 100, .result = HV_LOGOFF_E_TIMED_OUT),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_E_TIMED_OUT, .percent = 100), NOTHING,
	} },
	{ "progress is merged", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_GRACE, .percent = 10),
		REPORT(VECTOR_ID, HV_LOGOFF_ENDING, .percent = 30),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 1, HV_LOGOFF_ENDING, .percent = 30), NOTHING,
	} },
	{ "the result replaces progress", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_ENDING),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK), NOTHING,
	} },
	{ "a repeated request in flight is the same one", {
		NEGOTIATE(2), DELIVERED(1),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 2),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 2, HV_LOGOFF_DELIVERED), NOTHING,
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		COMPLETE(VECTOR_ID, 2, HV_LOGOFF_S_OK), NOTHING,
	} },
	{ "the result that was not read yet answers a repetition", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 2),
		COMPLETE(VECTOR_ID, 2, HV_LOGOFF_S_OK), NOTHING,
	} },
	{ "a result is repeated", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE, .percent = 100),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK, .percent = 100),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 2),
		COMPLETE(VECTOR_ID, 2, HV_LOGOFF_S_OK, .percent = 100, .flags = HVL_REPLAY),
		SEND(HVL_OP_TARGET, VECTOR_ID, 3, .flags = HV_LOGOFF_DRY_RUN),
		COMPLETE(VECTOR_ID, 3, HV_LOGOFF_S_OK, .percent = 100, .flags = HVL_REPLAY),
		NOTHING,
	} },
	{ "the result of a dry run is repeated", {
		NEGOTIATE(2),
		SEND(HVL_OP_TARGET, VECTOR_ID, 1, .flags = HV_LOGOFF_DRY_RUN),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 1, HV_LOGOFF_DELIVERED),
		OUTCOME(VECTOR_ID, HV_LOGOFF_SELECTED),
		SESSION(VECTOR_ID, HV_LOGOFF_SELECTED),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 2),
		COMPLETE(VECTOR_ID, 2, HV_LOGOFF_S_OK, .flags = HVL_REPLAY), NOTHING,
	} },
	{ "one request at a time", {
		NEGOTIATE(2), DELIVERED(1),
		SEND(HVL_OP_LOGOFF, VECTOR_OTHER_ID, 2),
		COMPLETE(VECTOR_OTHER_ID, 2, HV_LOGOFF_E_BUSY),
		SEND(HVL_OP_QUERY, VECTOR_OTHER_ID, 3),
		RECEIVE(HVL_OP_QUERY, VECTOR_OTHER_ID, 3, HV_LOGOFF_PENDING,
			.status = HV_LOGOFF_E_NOT_FOUND),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK),
		SEND(HVL_OP_LOGOFF, VECTOR_OTHER_ID, 4),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_OTHER_ID, 4, HV_LOGOFF_DELIVERED), NOTHING,
	} },
	{ "a result that was not read yet comes before the next request", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		SEND(HVL_OP_LOGOFF, VECTOR_OTHER_ID, 2),
		COMPLETE(VECTOR_OTHER_ID, 2, HV_LOGOFF_E_BUSY),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK), NOTHING,
	} },
	{ "a request is cancelled", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_GRACE),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 1, HV_LOGOFF_GRACE),
		SEND(HVL_OP_CANCEL, VECTOR_OTHER_ID, 2),
		RECEIVE(HVL_OP_CANCEL, VECTOR_OTHER_ID, 2, HV_LOGOFF_PENDING,
			.status = HV_LOGOFF_E_NOT_FOUND),
		SEND(HVL_OP_CANCEL, VECTOR_ID, 3),
		RECEIVE(HVL_OP_CANCEL, VECTOR_ID, 3, HV_LOGOFF_GRACE),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE, .result = HV_LOGOFF_E_CANCELLED),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_E_CANCELLED), NOTHING,
	} },
	{ "it is too late to cancel", {
		NEGOTIATE(2), DELIVERED(1),
		REPORT(VECTOR_ID, HV_LOGOFF_ENDING),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 1, HV_LOGOFF_ENDING),
		SEND(HVL_OP_CANCEL, VECTOR_ID, 2),
		RECEIVE(HVL_OP_CANCEL, VECTOR_ID, 2, HV_LOGOFF_ENDING, .status = HV_LOGOFF_E_FAIL),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK),
		SEND(HVL_OP_CANCEL, VECTOR_ID, 3),
		RECEIVE(HVL_OP_CANCEL, VECTOR_ID, 3, HV_LOGOFF_DONE, .status = HV_LOGOFF_E_FAIL),
		NOTHING,
	} },
	{ "query", {
		NEGOTIATE(2),
		SEND(HVL_OP_QUERY, VECTOR_ID, 1),
		RECEIVE(HVL_OP_QUERY, VECTOR_ID, 1, HV_LOGOFF_PENDING,
			.status = HV_LOGOFF_E_NOT_FOUND),
		DELIVERED(2),
		REPORT(VECTOR_ID, HV_LOGOFF_GRACE, .percent = 5),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 2, HV_LOGOFF_GRACE, .percent = 5),
		SEND(HVL_OP_QUERY, VECTOR_ID, 3),
		RECEIVE(HVL_OP_QUERY, VECTOR_ID, 3, HV_LOGOFF_GRACE, .percent = 5),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE, .result = HV_LOGOFF_E_TIMED_OUT),
		COMPLETE(VECTOR_ID, 2, HV_LOGOFF_E_TIMED_OUT, .percent = 5),
		SEND(HVL_OP_QUERY, VECTOR_ID, 4),
		RECEIVE(HVL_OP_QUERY, VECTOR_ID, 4, HV_LOGOFF_DONE, .percent = 5,
			.result = HV_LOGOFF_E_TIMED_OUT), NOTHING,
	} },
	{ "a request before the negotiation is refused", {
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 1), REFUSED(1, HV_LOGOFF_E_FAIL), NOTHING,
	} },
	{ "invalid messages are refused", {
		NEGOTIATE(2),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 1, .fault = VECTOR_TYPE),
		REFUSED(1, HV_LOGOFF_E_FAIL),
		SEND(HVL_OP_SESSION, VECTOR_ID, 2), REFUSED(2, HV_LOGOFF_E_FAIL),
		SEND(77, VECTOR_ID, 3), REFUSED(3, HV_LOGOFF_E_FAIL),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 4, .flags = HV_LOGOFF_DRY_RUN),
		REFUSED(4, HV_LOGOFF_E_FAIL),
		SEND(HVL_OP_QUERY, VECTOR_ID, 5, .flags = HV_LOGOFF_FORCE),
		REFUSED(5, HV_LOGOFF_E_FAIL),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 6, .fault = VECTOR_SHORT),
		REFUSED(6, HV_LOGOFF_E_FAIL),
		SEND(HVL_OP_TARGET, VECTOR_ID, 7, .fault = VECTOR_LONG),
		REFUSED(7, HV_LOGOFF_E_FAIL), NOTHING,
	} },
	{ "invalid values are refused", {
		NEGOTIATE(2),
		SEND(HVL_OP_LOGOFF, 0, 1), REFUSED(1, HV_LOGOFF_E_INVALIDARG),
		SEND(HVL_OP_QUERY, 0, 2), REFUSED(2, HV_LOGOFF_E_INVALIDARG),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 3, .fault = VECTOR_TIMEOUT),
		REFUSED(3, HV_LOGOFF_E_INVALIDARG),
		SEND(HVL_OP_TARGET, VECTOR_ID, 4, .fault = VECTOR_GRACE),
		REFUSED(4, HV_LOGOFF_E_INVALIDARG),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 5, .fault = VECTOR_TEXT),
		REFUSED(5, HV_LOGOFF_E_INVALIDARG),
		SEND(HVL_OP_QUERY, VECTOR_ID, 6),
		RECEIVE(HVL_OP_QUERY, VECTOR_ID, 6, HV_LOGOFF_PENDING,
			.status = HV_LOGOFF_E_NOT_FOUND), NOTHING,
	} },
	{ "what a version does not have is refused", {
		NEGOTIATE(0),
		SEND(HVL_OP_TARGET, VECTOR_ID, 1), REFUSED(1, HV_LOGOFF_E_FAIL),
		SEND(HVL_OP_LOGOFF, VECTOR_ID, 2, .fault = VECTOR_GROWN),
		REFUSED(2, HV_LOGOFF_E_FAIL),
		NEGOTIATE(1),
		SEND(HVL_OP_TARGET, VECTOR_ID, 3, .flags = HV_LOGOFF_INCLUDE_LINGERING),
		REFUSED(3, HV_LOGOFF_E_FAIL),
		NEGOTIATE(2),
		SEND(HVL_OP_TARGET, VECTOR_ID, 4, .flags = HV_LOGOFF_INCLUDE_LINGERING,
		     .fault = VECTOR_GROWN),
		RECEIVE(HVL_OP_PROGRESS, VECTOR_ID, 4, HV_LOGOFF_DELIVERED), NOTHING,
	} },
	{ "a request continues across a negotiation", {
		NEGOTIATE(2), DELIVERED(1), NEGOTIATE(1), NOTHING,
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK), NOTHING,
	} },
	{ "sessions precede the result", {
		NEGOTIATE(2),
		OUTCOME(0, HV_LOGOFF_ENDED), SESSION(0, HV_LOGOFF_ENDED),
		DELIVERED(1),
		OUTCOME(VECTOR_ID, HV_LOGOFF_ENDED),
		OUTCOME(VECTOR_ID, HV_LOGOFF_MANAGER_ENDED),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		OUTCOME(0, HV_LOGOFF_ENDED),
		SESSION(VECTOR_ID, HV_LOGOFF_ENDED),
		SESSION(VECTOR_ID, HV_LOGOFF_MANAGER_ENDED),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK),
		SESSION(0, HV_LOGOFF_ENDED), NOTHING,
	} },
	{ "a version without an outcome does not receive it", {
		NEGOTIATE(0), OUTCOME(0, HV_LOGOFF_ENDED), NOTHING,
		NEGOTIATE(1), DELIVERED(1),
		OUTCOME(VECTOR_ID, HV_LOGOFF_LINGERING), NOTHING,
		OUTCOME(VECTOR_ID, HV_LOGOFF_FAILED), SESSION(VECTOR_ID, HV_LOGOFF_FAILED),
		NOTHING,
	} },
	{ "queued sessions that the new version does not have are dropped", {
		NEGOTIATE(2), DELIVERED(1),
		OUTCOME(VECTOR_ID, HV_LOGOFF_OUTSIDE),
		OUTCOME(VECTOR_ID, HV_LOGOFF_ENDED),
		REPORT(VECTOR_ID, HV_LOGOFF_DONE),
		NEGOTIATE(1),
		SESSION(VECTOR_ID, HV_LOGOFF_ENDED),
		COMPLETE(VECTOR_ID, 1, HV_LOGOFF_S_OK), NOTHING,
	} },
	{ "a full queue counts what it drops", {
		NEGOTIATE(2),
		OUTCOME(0, HV_LOGOFF_ENDED, .count = 258),
		SESSION(0, HV_LOGOFF_ENDED),
		OUTCOME(0, HV_LOGOFF_ENDED),
		SESSION(0, HV_LOGOFF_ENDED, .count = 254),
		SESSION(0, HV_LOGOFF_ENDED, .lost = 3), NOTHING,
		OUTCOME(0, HV_LOGOFF_ENDED), SESSION(0, HV_LOGOFF_ENDED), NOTHING,
	} },
};

#define VECTOR_FLAGS	(HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST)

static inline __u16 vector_body_size(__u32 op)
{
	switch (op) {
	case HVL_OP_LOGOFF:
		return sizeof(struct hvl_logoff);
	case HVL_OP_TARGET:
		return sizeof(struct hvl_target);
	case HVL_OP_SESSION:
		return sizeof(struct hvl_session);
	default:
		return sizeof(struct hvl_op_header);
	}
}

static inline void vector_spoil(struct hvl_packet *packet, __u8 fault)
{
	struct hvl_logoff *logoff = &packet->body.logoff;
	__u16 size = packet->header.size;

	if (fault == VECTOR_TYPE)
		packet->header.type = 99;
	else if (fault == VECTOR_SHORT)
		size--;
	else if (fault == VECTOR_LONG)
		packet->body.bytes[size++] = 1;
	else if (fault == VECTOR_GROWN)
		size++;
	else if (fault == VECTOR_TIMEOUT)
		logoff->timeout = 0;
	else if (fault == VECTOR_GRACE)
		logoff->grace = logoff->timeout;
	else if (fault == VECTOR_TEXT)
		memset(logoff->message, 'x', sizeof(logoff->message));
	packet->header.size = size;
	packet->header.pipe_size = HVL_IC_HEADER_SIZE + size;
}

/* The host's message. */
static inline void vector_build(const struct vector_step *step, struct hvl_packet *packet)
{
	struct hvl_negotiate *negotiate = &packet->body.negotiate;

	if (step->action == VECTOR_NEGOTIATE) {
		hvl_packet_init(packet, HVL_MSGTYPE_NEGOTIATE,
				offsetof(struct hvl_negotiate, versions) +
					2 * sizeof(struct hvl_version),
				step->transaction, VECTOR_FLAGS);
		negotiate->framework_count = 1;
		negotiate->message_count = 1;
		negotiate->versions[0] = (struct hvl_version){ 3, 0 };
		negotiate->versions[1] = (struct hvl_version){ 1, step->minor };
		return;
	}
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, vector_body_size(step->op), step->transaction,
			VECTOR_FLAGS);
	packet->body.op.op = step->op;
	packet->body.op.flags = step->flags;
	packet->body.op.id = step->id;
	if (step->op == HVL_OP_LOGOFF || step->op == HVL_OP_TARGET) {
		packet->body.logoff.timeout = 60;
		packet->body.logoff.grace = 20;
	}
	vector_spoil(packet, step->fault);
}

static inline const char *vector_report_mismatch(const struct vector_step *step,
						 const struct hvl_report *report)
{
	if (report->state != step->state)
		return "state";
	if (report->percent != step->percent)
		return "percent";
	if (report->result != (step->op == HVL_OP_COMPLETE ? step->status : step->result))
		return "result";
	if (!memchr(report->text, 0, sizeof(report->text)))
		return "text";
	return NULL;
}

static inline const char *vector_session_mismatch(const struct vector_step *step,
						  const struct hvl_session *session)
{
	if (session->outcome != step->outcome)
		return "outcome";
	if (session->lost != step->lost)
		return "lost";
	if (session->uid != VECTOR_UID)
		return "uid";
	return NULL;
}

/*
 * Compares a message that the host has received with the step.
 * Return: the name of what differs, NULL if nothing does.
 */
static inline const char *vector_mismatch(const struct vector_step *step,
					  const struct hvl_packet *packet)
{
	const __u8 answer = HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE;
	const struct hvl_header *header = &packet->header;
	__u32 op = step->action == VECTOR_DELIVER ? HVL_OP_PROGRESS : step->op;
	bool session = op == HVL_OP_SESSION;
	const struct hvl_version *chosen = packet->body.negotiate.versions;

	if (!hvl_packet_check(packet, hvl_packet_size(packet)))
		return "sizes";
	if (header->transaction != step->transaction)
		return "transaction";
	if (header->status != step->status)
		return "status";
	if (header->flags != (session || op == HVL_OP_PROGRESS ? 0 : answer))
		return "header flags";
	if (step->action == VECTOR_REFUSED)
		return header->size ? "size" : NULL;
	if (step->action == VECTOR_NEGOTIATE)
		return header->type != HVL_MSGTYPE_NEGOTIATE || chosen[1].major != 1 ||
			chosen[1].minor != step->minor ? "version" : NULL;
	if (header->type != HVL_MSGTYPE_LOGOFF)
		return "type";
	if (header->size != (session ? sizeof(struct hvl_session) : sizeof(struct hvl_report)))
		return "size";
	if (packet->body.op.op != op || packet->body.op.id != step->id)
		return "operation";
	if (packet->body.op.flags != step->flags)
		return "flags";
	return session ? vector_session_mismatch(step, &packet->body.session) :
			 vector_report_mismatch(step, &packet->body.report);
}

#undef NEGOTIATE
#undef SEND
#undef RECEIVE
#undef COMPLETE
#undef SESSION
#undef REFUSED
#undef NOTHING
#undef REPORT
#undef OUTCOME
#undef DELIVERED

#endif /* HV_LOGOFF_KUNIT_VECTORS_H */
