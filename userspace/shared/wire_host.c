// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire_host.h"

#include <string.h>

#include "driver/growth.h"
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

/* Of the guest's messages. */
static const struct hvl_size report_size = {sizeof(struct hvl_report), sizeof(struct hvl_report)};
static const struct hvl_size session_size = {sizeof(struct hvl_session),
					     sizeof(struct hvl_session)};

static bool has_size(const struct hvl_packet *packet, const struct hvl_size *size,
		     struct hvl_version version)
{
	return hvl_size_accepts(size, &packet->body, packet->header.size,
				hvl_version_since(version, 1, 2));
}

bool hvl_check_report(const struct hvl_packet *packet, struct hvl_version version)
{
	const struct hvl_report *report = &packet->body.report;

	if (!has_size(packet, &report_size, version))
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

static bool is_outcome(const struct hvl_session *session, struct hvl_version version)
{
	switch (session->outcome) {
	case HV_LOGOFF_ENDED:
		return session->kind <= HV_LOGOFF_EXTERNAL;
	case HV_LOGOFF_FAILED:
	case HV_LOGOFF_SELECTED:
		return session->header.id && !session->kind;
	case HV_LOGOFF_RETURNED:
		return hvl_version_since(version, 1, 2) && session->header.id && !session->kind;
	case HV_LOGOFF_MANAGER_ENDED:
	case HV_LOGOFF_MANAGER_FAILED:
	case HV_LOGOFF_MANAGER_SELECTED:
	case HV_LOGOFF_LINGERING:
	case HV_LOGOFF_OUTSIDE:
	case HV_LOGOFF_UNTOLD:
		return hvl_version_since(version, 1, 2) && session->header.id && !session->kind &&
		       !session->session[0];
	default:
		return false;
	}
}

bool hvl_check_session(const struct hvl_packet *packet, struct hvl_version version)
{
	const struct hvl_session *session = &packet->body.session;

	return hvl_version_since(version, 1, 1) && has_size(packet, &session_size, version) &&
	       session->header.op == HVL_OP_SESSION && !session->header.flags &&
	       is_outcome(session, version) &&
	       is_terminated(session->user, sizeof(session->user)) &&
	       is_terminated(session->session, sizeof(session->session));
}
