// SPDX-License-Identifier: GPL-2.0-only
/*
 * Build and check the messages of the logoff integration component.
 */
#include <linux/string.h>

#include "growth.h"
#include "wire.h"

const struct hvl_version hvl_framework_versions[2] = { { 3, 0 }, { 1, 0 } };
const struct hvl_version hvl_message_versions[3] = { { 1, 2 }, { 1, 1 }, { 1, 0 } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool same_version(struct hvl_version a, struct hvl_version b)
{
	return a.major == b.major && a.minor == b.minor;
}

static bool find_version(const struct hvl_version *list, size_t count,
			 struct hvl_version wanted)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (same_version(list[i], wanted))
			return true;
	return false;
}

/* Finds the first of @ours, which are sorted highest first, in @theirs. */
static bool choose_version(const struct hvl_version *ours, size_t our_count,
			   const struct hvl_version *theirs, size_t their_count,
			   struct hvl_version *chosen)
{
	size_t i;

	for (i = 0; i < our_count; i++) {
		if (find_version(theirs, their_count, ours[i])) {
			*chosen = ours[i];
			return true;
		}
	}
	return false;
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

/**
 * hvl_packet_check() - check the sizes in a received packet
 * @packet: private copy of what was received
 * @length: bytes received; up to 7 more than the packet has, because the ring pads
 *	to multiples of 8
 *
 * This must return true before anything else in @packet is used.
 *
 * Return: whether the sizes are consistent.
 */
bool hvl_packet_check(const struct hvl_packet *packet, size_t length)
{
	const struct hvl_header *header = &packet->header;

	return length >= sizeof(*header) &&
	       header->size <= sizeof(packet->body) &&
	       header->size <= length - sizeof(*header) &&
	       header->pipe_size == HVL_IC_HEADER_SIZE + (__u32)header->size;
}

/**
 * hvl_packet_init() - initialize a packet with a zeroed body
 * @packet: filled
 * @type: HVL_MSGTYPE_*
 * @size: bytes of the body
 * @transaction: the host's transaction number
 * @flags: HVL_ICFLAG_*
 */
void hvl_packet_init(struct hvl_packet *packet, __u16 type, __u16 size,
		     __u8 transaction, __u8 flags)
{
	memset(packet, 0, sizeof(*packet));
	packet->header.pipe_size = HVL_IC_HEADER_SIZE + size;
	packet->header.type = type;
	packet->header.size = size;
	packet->header.transaction = transaction;
	packet->header.flags = flags;
}

static bool negotiate_sizes_fit(const struct hvl_packet *packet)
{
	const struct hvl_negotiate *body = &packet->body.negotiate;
	size_t fixed = offsetof(struct hvl_negotiate, versions);
	size_t count;

	if (packet->header.size < fixed)
		return false;
	count = (size_t)body->framework_count + body->message_count;
	return count <= HVL_VERSIONS_MAX &&
	       packet->header.size >= fixed + count * sizeof(body->versions[0]);
}

/**
 * hvl_answer_negotiate() - choose the highest common versions
 * @request: passed hvl_packet_check(), type is HVL_MSGTYPE_NEGOTIATE
 * @answer: always filled: with counts of 1; with counts of 0 if there is no common
 *	version; and with HV_LOGOFF_E_FAIL if @request is malformed
 * @versions: message versions that the guest supports, highest first:
 *	hvl_message_versions, or the end of it
 * @count: number of @versions
 * @framework: the chosen framework version
 * @message: the chosen message version
 *
 * Return: whether there is a common version of both kinds. If not, @framework and
 * @message are unchanged, and the previous versions remain in use.
 */
bool hvl_answer_negotiate(const struct hvl_packet *request, struct hvl_packet *answer,
			  const struct hvl_version *versions, size_t count,
			  struct hvl_version *framework, struct hvl_version *message)
{
	const struct hvl_negotiate *offered = &request->body.negotiate;
	struct hvl_negotiate *body = &answer->body.negotiate;
	struct hvl_version chosen[2];

	hvl_packet_init(answer, HVL_MSGTYPE_NEGOTIATE,
			offsetof(struct hvl_negotiate, versions) +
				2 * sizeof(struct hvl_version),
			request->header.transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE);
	if (!negotiate_sizes_fit(request)) {
		answer->header.status = HV_LOGOFF_E_FAIL;
		return false;
	}
	if (!choose_version(hvl_framework_versions, COUNT(hvl_framework_versions),
			    offered->versions, offered->framework_count, &chosen[0]) ||
	    !choose_version(versions, count, offered->versions + offered->framework_count,
			    offered->message_count, &chosen[1]))
		return false;
	body->framework_count = 1;
	body->message_count = 1;
	memcpy(body->versions, chosen, sizeof(chosen));
	*framework = chosen[0];
	*message = chosen[1];
	return true;
}

/*
 * The operations of the host. Before the negotiation, the version is 0.0, and those
 * of 1.0 exist.
 */
static const struct {
	struct hvl_version since;
	struct hvl_size size;
} ops[] = {
	[HVL_OP_LOGOFF] = { { 0, 0 },
		{ sizeof(struct hvl_logoff), sizeof(struct hvl_logoff) } },
	[HVL_OP_CANCEL] = { { 0, 0 },
		{ sizeof(struct hvl_op_header), sizeof(struct hvl_op_header) } },
	[HVL_OP_QUERY] = { { 0, 0 },
		{ sizeof(struct hvl_op_header), sizeof(struct hvl_op_header) } },
	[HVL_OP_TARGET] = { { 1, 1 },
		{ sizeof(struct hvl_target), sizeof(struct hvl_target) } },
};

static bool op_valid(const struct hvl_packet *packet, struct hvl_version version)
{
	__u32 op = packet->body.op.op;

	return op < COUNT(ops) &&
	       hvl_version_since(version, ops[op].since.major, ops[op].since.minor) &&
	       hvl_size_accepts(&ops[op].size, &packet->body, packet->header.size,
				hvl_version_since(version, 1, 2));
}

static __u32 op_flags(__u32 op, struct hvl_version version)
{
	switch (op) {
	case HVL_OP_LOGOFF:
		return HV_LOGOFF_FORCE;
	case HVL_OP_TARGET:
		return HV_LOGOFF_FORCE | HV_LOGOFF_DRY_RUN |
		       (hvl_version_since(version, 1, 2) ?
			HV_LOGOFF_INCLUDE_LINGERING | HV_LOGOFF_NO_LOGINS : 0);
	default:
		return 0;
	}
}

static bool logoff_valid(const struct hvl_logoff *logoff)
{
	return logoff->timeout && logoff->timeout <= HV_LOGOFF_TIMEOUT_MAX &&
	       logoff->grace < logoff->timeout &&
	       terminated(logoff->message, sizeof(logoff->message));
}

static bool target_valid(const struct hvl_target *target)
{
	return logoff_valid(&target->logoff) &&
	       terminated(target->user, sizeof(target->user)) &&
	       terminated(target->session, sizeof(target->session));
}

/**
 * hvl_check_request() - check a message of the host
 * @packet: passed hvl_packet_check()
 * @version: message version that was negotiated; 0.0 if none was, handled as 1.0
 *
 * Return: HV_LOGOFF_S_OK; HV_LOGOFF_E_FAIL for a type, operation, size or flag
 * that @version does not have; HV_LOGOFF_E_INVALIDARG for an invalid value.
 */
__u32 hvl_check_request(const struct hvl_packet *packet, struct hvl_version version)
{
	const struct hvl_op_header *op = &packet->body.op;

	if (packet->header.type != HVL_MSGTYPE_LOGOFF ||
	    packet->header.size < sizeof(*op) || !op_valid(packet, version) ||
	    op->flags & ~op_flags(op->op, version))
		return HV_LOGOFF_E_FAIL;
	if (!op->id)
		return HV_LOGOFF_E_INVALIDARG;
	if (op->op == HVL_OP_LOGOFF && !logoff_valid(&packet->body.logoff))
		return HV_LOGOFF_E_INVALIDARG;
	if (op->op == HVL_OP_TARGET && !target_valid(&packet->body.target))
		return HV_LOGOFF_E_INVALIDARG;
	return HV_LOGOFF_S_OK;
}

/**
 * hvl_build_refusal() - build the answer to a message that is refused
 * @packet: filled with a header without a body
 * @type: type of the refused message
 * @transaction: transaction number of the refused message
 * @status: an HRESULT
 */
void hvl_build_refusal(struct hvl_packet *packet, __u16 type, __u8 transaction,
		       __u32 status)
{
	hvl_packet_init(packet, type, 0, transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE);
	packet->header.status = status;
}
