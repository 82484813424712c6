// SPDX-License-Identifier: GPL-2.0-only
/*
 * The messages from the host: their effect, and the answers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hyperv.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "core.h"

#define HVL_ANSWER_FLAGS	(HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE)

/* wire.h is also used outside the kernel, so it can't include linux/hyperv.h. */
static_assert(sizeof(struct hvl_header) ==
	      sizeof(struct vmbuspipe_hdr) + sizeof(struct icmsg_hdr));
static_assert(offsetof(struct hvl_header, status) ==
	      sizeof(struct vmbuspipe_hdr) + offsetof(struct icmsg_hdr, status));
static_assert(HVL_ICFLAG_TRANSACTION == ICMSGHDRFLAG_TRANSACTION);
static_assert(HVL_ICFLAG_REQUEST == ICMSGHDRFLAG_REQUEST);
static_assert(HVL_ICFLAG_RESPONSE == ICMSGHDRFLAG_RESPONSE);
static_assert(HVL_MSGTYPE_NEGOTIATE == ICMSGTYPE_NEGOTIATE);

static bool hvl_daemon_ready(const struct hvl_core *core)
{
	return core->daemon == HVL_DAEMON_READY && !core->stopped;
}

/* The answer to @message, which hvl_host_transmit() returns. */
static struct hvl_packet *hvl_host_answer(struct hvl_core *core,
					  const struct hvl_message *message)
{
	core->answer.trans_id = message->trans_id;
	core->answer_pending = true;
	return &core->answer.packet;
}

static void hvl_host_refuse(struct hvl_core *core, const struct hvl_message *message,
			    u32 status)
{
	const struct hvl_header *header = &message->packet.header;

	hvl_build_refusal(hvl_host_answer(core, message), header->type, header->transaction,
			  status);
}

/* A message whose body is @report. */
static void hvl_host_build_report(struct hvl_packet *packet, u8 transaction, u8 flags,
				  enum hvl_op op, u64 id, const struct hvl_report *report)
{
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, sizeof(*report), transaction, flags);
	packet->body.report = *report;
	packet->body.report.header.op = op;
	packet->body.report.header.id = id;
}

/* Answers a LOGOFF that does not become the request in flight with its result. */
static void hvl_host_decline(struct hvl_core *core, const struct hvl_message *message,
			     u32 result, const char *text)
{
	struct hvl_report report = { .state = HV_LOGOFF_DONE, .result = result };
	struct hvl_packet *answer = hvl_host_answer(core, message);

	strscpy(report.text, text, sizeof(report.text));
	hvl_host_build_report(answer, message->packet.header.transaction, HVL_ANSWER_FLAGS,
			      HVL_OP_COMPLETE, message->packet.body.op.id, &report);
	answer->header.status = result;
}

/* The host sent the LOGOFF of the current or last request again. */
static void hvl_host_repeat(struct hvl_core *core, const struct hvl_message *message)
{
	struct hvl_request *request = &core->request;
	struct hvl_packet *answer;

	request->trans_id = message->trans_id;
	request->transaction = message->packet.header.transaction;
	if (hvl_request_in_flight(core)) {
		core->progress_pending = true;
		return;
	}
	/* COMPLETE was not sent yet: it answers the repetition as well. */
	if (core->complete_pending)
		return;
	answer = hvl_host_answer(core, message);
	hvl_host_build_report(answer, request->transaction, HVL_ANSWER_FLAGS, HVL_OP_COMPLETE,
			      request->id, &request->report);
	answer->header.status = request->report.result;
	answer->body.op.flags = HVL_REPLAY;
}

/*
 * Whether a LOGOFF with this id repeats the current or last request. Since version 1.2,
 * one that the daemon has declined is not known any more once the host has the result.
 */
static bool hvl_host_repeats(const struct hvl_core *core, u64 id)
{
	return id == core->request.id &&
	       (!core->request.declined || core->complete_pending ||
		!hvl_version_since(core->version, 1, 2));
}

/* LOGOFF and TARGET. */
static void hvl_host_logoff(struct hvl_core *core, const struct hvl_message *message)
{
	const struct hvl_op_header *op = &message->packet.body.op;

	if (hvl_host_repeats(core, op->id))
		hvl_host_repeat(core, message);
	else if (hvl_request_in_flight(core) || core->complete_pending)
		hvl_host_decline(core, message, HV_LOGOFF_E_BUSY,
				 "the guest is working on another request");
	else if (core->suspended)
		hvl_host_decline(core, message, HV_LOGOFF_E_EXCEPTION,
				 "the guest is being suspended");
	else if (!hvl_daemon_ready(core))
		hvl_host_decline(core, message, HV_LOGOFF_E_NOT_AVAIL,
				 "no daemon is running in the guest");
	else if (!core->version.major)
		hvl_host_refuse(core, message, HV_LOGOFF_E_FAIL);
	else if (!hvl_daemon_supports(core, op->op == HVL_OP_TARGET, op->flags))
		hvl_host_decline(core, message, HV_LOGOFF_E_NOT_AVAIL,
				 "the daemon in the guest does not support this request");
	else
		hvl_request_accept(core, message);
}

static u32 hvl_host_try_cancel(struct hvl_core *core)
{
	struct hvl_request *request = &core->request;

	if (!hvl_request_in_flight(core) || request->report.state >= HV_LOGOFF_ENDING)
		return HV_LOGOFF_E_FAIL;
	if (!request->with_daemon) {
		hvl_request_finish(core, HV_LOGOFF_E_CANCELLED, 0,
				   "cancelled before the daemon in the guest took the request");
		return HV_LOGOFF_S_OK;
	}
	request->cancelled = true;
	core->cancel_id = request->id;
	core->cancel_reason = HV_LOGOFF_CANCEL_HOST;
	wake_up_all(&core->wait);
	return HV_LOGOFF_S_OK;
}

/* The answer to CANCEL and QUERY has the state of the request. */
static void hvl_host_cancel_or_query(struct hvl_core *core, const struct hvl_message *message)
{
	static const struct hvl_report unknown;
	const struct hvl_op_header *op = &message->packet.body.op;
	bool known = op->id == core->request.id;
	u32 status = known ? HV_LOGOFF_S_OK : HV_LOGOFF_E_NOT_FOUND;
	struct hvl_packet *answer;

	if (known && op->op == HVL_OP_CANCEL)
		status = hvl_host_try_cancel(core);
	answer = hvl_host_answer(core, message);
	hvl_host_build_report(answer, message->packet.header.transaction, HVL_ANSWER_FLAGS,
			      op->op, op->id, known ? &core->request.report : &unknown);
	answer->header.status = status;
}

/* The daemon decides the version; here we only check that one exists. */
static void hvl_host_negotiate(struct hvl_core *core, const struct hvl_message *message)
{
	struct hvl_version framework, version;

	core->negotiation = *message;
	core->negotiation_pending =
		hvl_answer_negotiate(&message->packet, hvl_host_answer(core, message),
				     hvl_message_versions, ARRAY_SIZE(hvl_message_versions),
				     &framework, &version);
	core->answer_pending = !core->negotiation_pending;
}

/**
 * hvl_host_receive() - handle a message of the host
 * @core: the component; hvl_host_transmit() has returned its last answer
 * @message: private copy; zero beyond @length
 * @length: bytes of the packet that were received
 */
void hvl_host_receive(struct hvl_core *core, const struct hvl_message *message, u32 length)
{
	u32 status, op;

	spin_lock(&core->lock);
	core->host_sent = true;
	if (!hvl_packet_check(&message->packet, length)) {
		hvl_host_refuse(core, message, HV_LOGOFF_E_FAIL);
		goto unlock;
	}
	if (message->packet.header.type == HVL_MSGTYPE_NEGOTIATE) {
		hvl_host_negotiate(core, message);
		goto unlock;
	}
	status = hvl_check_request(&message->packet, core->version);
	op = message->packet.body.op.op;
	if (status != HV_LOGOFF_S_OK)
		hvl_host_refuse(core, message, status);
	else if (op == HVL_OP_LOGOFF || op == HVL_OP_TARGET)
		hvl_host_logoff(core, message);
	else
		hvl_host_cancel_or_query(core, message);
unlock:
	spin_unlock(&core->lock);
}

/* The daemon that is ready does not support what a later version of the messages adds. */
static size_t hvl_host_skip_versions(const struct hvl_core *core)
{
	size_t skip = 0;

	while (skip < ARRAY_SIZE(hvl_message_versions) &&
	       hvl_version_number(hvl_message_versions[skip]) > core->daemon_version)
		skip++;
	return skip;
}

/* Return: whether @message was filled with the answer to a negotiation. */
static bool hvl_host_transmit_negotiation(struct hvl_core *core, struct hvl_message *message)
{
	size_t skip;

	if (!core->negotiation_pending || !hvl_daemon_ready(core))
		return false;
	skip = hvl_host_skip_versions(core);
	core->negotiation_pending = false;
	message->trans_id = core->negotiation.trans_id;
	if (hvl_answer_negotiate(&core->negotiation.packet, &message->packet,
				 hvl_message_versions + skip,
				 ARRAY_SIZE(hvl_message_versions) - skip,
				 &core->framework, &core->version))
		pr_info_ratelimited("logoff IC version %u.%u, framework %u.%u\n",
				    core->version.major, core->version.minor,
				    core->framework.major, core->framework.minor);
	hvl_session_drop_unsupported(core);
	return true;
}

/* Return: whether @message was filled with the request's result or progress. */
static bool hvl_host_transmit_report(struct hvl_core *core, struct hvl_message *message)
{
	const struct hvl_request *request = &core->request;

	/* The host sends the first message on a channel. */
	if (!core->host_sent)
		return false;
	if (core->complete_pending ? core->sessions_ahead : !core->progress_pending)
		return false;
	message->trans_id = request->trans_id;
	hvl_host_build_report(&message->packet, request->transaction,
			      core->complete_pending ? HVL_ANSWER_FLAGS : 0,
			      core->complete_pending ? HVL_OP_COMPLETE : HVL_OP_PROGRESS,
			      request->id, &request->report);
	if (core->complete_pending) {
		message->packet.header.status = request->report.result;
		message->packet.body.op.flags = request->replayed ? HVL_REPLAY : 0;
	}
	core->complete_pending = false;
	core->progress_pending = false;
	return true;
}

/* Return: whether @message was filled with the outcome of a session. */
static bool hvl_host_transmit_session(struct hvl_core *core, struct hvl_message *message)
{
	if (list_empty(&core->sessions))
		return false;
	message->trans_id = 0;
	hvl_packet_init(&message->packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_session), 0, 0);
	return hvl_session_take(core, &message->packet.body.session);
}

/**
 * hvl_host_transmit() - get the next message for the host
 * @core: the component, which considers the message sent
 * @message: filled with the message
 *
 * Return: false if there is none; @message is unchanged then.
 */
bool hvl_host_transmit(struct hvl_core *core, struct hvl_message *message)
{
	bool found = true;

	spin_lock(&core->lock);
	if (core->answer_pending) {
		*message = core->answer;
		core->answer_pending = false;
	} else {
		found = hvl_host_transmit_negotiation(core, message) ||
			hvl_host_transmit_report(core, message) ||
			hvl_host_transmit_session(core, message);
	}
	if (found && message->packet.header.type != HVL_MSGTYPE_NEGOTIATE) {
		message->packet.header.framework = core->framework;
		message->packet.header.message = core->version;
	}
	spin_unlock(&core->lock);
	return found;
}

/**
 * hvl_host_opened() - the channel is new: nothing was negotiated on it
 * @core: the component
 *
 * The request in flight continues. Its result is sent on the new channel, after the
 * host's first message.
 */
void hvl_host_opened(struct hvl_core *core)
{
	spin_lock(&core->lock);
	core->framework = (struct hvl_version){ 0 };
	core->version = (struct hvl_version){ 0 };
	core->host_sent = false;
	core->negotiation_pending = false;
	hvl_session_drop_all(core);
	core->answer_pending = false;
	spin_unlock(&core->lock);
}
