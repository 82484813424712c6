// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire_host.h"

#include <string.h>

#include "util.h"

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

static bool is_offered(const struct hvl_version *versions, size_t count, struct hvl_version chosen)
{
	for (size_t i = 0; i < count; i++)
		if (versions[i].major == chosen.major && versions[i].minor == chosen.minor)
			return true;
	return false;
}

void hvl_build_negotiate(struct hvl_packet *packet, __u8 transaction,
			 const struct hvl_version *versions, size_t count)
{
	struct hvl_negotiate *body = &packet->body.negotiate;
	size_t frameworks = ARRAY_SIZE(hvl_framework_versions);

	hvl_packet_init(packet, HVL_MSGTYPE_NEGOTIATE,
			offsetof(struct hvl_negotiate, versions) +
				(frameworks + count) * sizeof(struct hvl_version),
			transaction, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	body->framework_count = frameworks;
	body->message_count = count;
	memcpy(body->versions, hvl_framework_versions, sizeof(hvl_framework_versions));
	memcpy(body->versions + frameworks, versions, count * sizeof(*versions));
}

bool hvl_check_negotiate_answer(const struct hvl_packet *packet, const struct hvl_version *versions,
				size_t count, struct hvl_version *framework,
				struct hvl_version *message)
{
	const struct hvl_negotiate *body = &packet->body.negotiate;

	if (packet->header.status != HV_LOGOFF_S_OK ||
	    packet->header.size < offsetof(struct hvl_negotiate, versions[2]) ||
	    body->framework_count != 1 || body->message_count != 1)
		return false;
	*framework = body->versions[0];
	*message = body->versions[1];
	return is_offered(hvl_framework_versions, ARRAY_SIZE(hvl_framework_versions), *framework) &&
	       is_offered(versions, count, *message);
}

static __u16 op_size(enum hvl_op op)
{
	switch (op) {
	case HVL_OP_LOGOFF:
		return sizeof(struct hvl_logoff);
	case HVL_OP_TARGET:
		return sizeof(struct hvl_target);
	default:
		return sizeof(struct hvl_op_header);
	}
}

void hvl_build_op(struct hvl_packet *packet, __u8 transaction, enum hvl_op op, __u64 id)
{
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, op_size(op), transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	packet->body.op.op = op;
	packet->body.op.id = id;
}

bool hvl_check_report(const struct hvl_packet *packet)
{
	const struct hvl_report *report = &packet->body.report;

	if (packet->header.size != sizeof(*report))
		return false;
	if (report->header.op < HVL_OP_CANCEL || report->header.op > HVL_OP_COMPLETE)
		return false;
	if (report->header.op == HVL_OP_COMPLETE && report->state != HV_LOGOFF_DONE)
		return false;
	if (report->header.flags & ~(report->header.op == HVL_OP_COMPLETE ? HVL_REPLAY : 0))
		return false;
	return report->header.id && report->state <= HV_LOGOFF_DONE &&
	       (report->state == HV_LOGOFF_DONE || !report->result) && report->percent <= 100 &&
	       report->ended <= report->found && report->failed <= report->found - report->ended &&
	       is_terminated(report->text, sizeof(report->text));
}

bool hvl_check_session(const struct hvl_packet *packet)
{
	const struct hvl_session *session = &packet->body.session;
	bool ended;

	if (packet->header.size != sizeof(*session))
		return false;
	ended = session->outcome == HV_LOGOFF_ENDED;
	return session->header.op == HVL_OP_SESSION && !session->header.flags &&
	       session->outcome >= HV_LOGOFF_ENDED && session->outcome <= HV_LOGOFF_SELECTED &&
	       (ended || session->header.id) && session->kind <= (ended ? HV_LOGOFF_EXTERNAL : 0) &&
	       is_terminated(session->user, sizeof(session->user)) &&
	       is_terminated(session->session, sizeof(session->session));
}
