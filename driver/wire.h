/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The messages of the logoff integration component, as they are in the VMBus
 * ring. All integers are little endian, as is every VMBus guest.
 *
 * This is also compiled outside the kernel, by tests and by hosts, so it
 * allocates nothing and calls no VMBus functions.
 */
#ifndef HV_LOGOFF_WIRE_H
#define HV_LOGOFF_WIRE_H

#include <linux/hv_logoff.h>
#include <linux/types.h>

/* Class id of the offer: the IID of Virtual PC's IVMGuestOS. */
#define HVL_CLASS_GUID_STRING	"99fea0db-4880-499a-b6d8-73dff9bc91be"

/* Message types of the IC header. 0 to 8 are Hyper-V's own (hyperv.h). */
#define HVL_MSGTYPE_NEGOTIATE	0
#define HVL_MSGTYPE_LOGOFF	0x4c4f

/* Flags of the IC header, as ICMSGHDRFLAG_* in hyperv.h. */
#define HVL_ICFLAG_TRANSACTION	1
#define HVL_ICFLAG_REQUEST	2
#define HVL_ICFLAG_RESPONSE	4

/* Maximum size of a packet in bytes, in both directions. */
#define HVL_PACKET_MAX		2048

struct hvl_version {
	__u16 major;
	__u16 minor;
};

/**
 * struct hvl_header - pipe header and IC header, 28 bytes
 * @pipe_flags: 0 from the guest; ignored
 * @pipe_size: bytes after this field: 20 + @size
 * @framework: negotiated framework version; 0.0 in a negotiation
 * @type: HVL_MSGTYPE_*
 * @message: negotiated message version; 0.0 in a negotiation
 * @size: bytes of the body that follows this header
 * @status: HRESULT; 0 in a request
 * @transaction: chosen by the host, repeated in the response
 * @flags: HVL_ICFLAG_*
 * @reserved: 0
 */
struct hvl_header {
	__u32 pipe_flags;
	__u32 pipe_size;
	struct hvl_version framework;
	__u16 type;
	struct hvl_version message;
	__u16 size;
	__u32 status;
	__u8 transaction;
	__u8 flags;
	__u8 reserved[2];
};

#define HVL_IC_HEADER_SIZE	20	/* struct hvl_header without its first 8 bytes */

#define HVL_VERSIONS_MAX	32	/* offered in one negotiation, both lists together */

/**
 * struct hvl_negotiate - body of a negotiation, 8 bytes and 4 for each version
 * @framework_count: framework versions offered; in an answer 1, or 0 if there is
 *	no common version
 * @message_count: message versions offered; in an answer 1, or 0 if there is no
 *	common version
 * @reserved: 0
 * @versions: first the framework versions, then the message versions
 */
struct hvl_negotiate {
	__u16 framework_count;
	__u16 message_count;
	__u32 reserved;
	struct hvl_version versions[HVL_VERSIONS_MAX];
};

/*
 * Since version 1.2, bodies can grow: see growth.h. New fields of a request are
 * appended to struct hvl_target, never to struct hvl_logoff, which it embeds.
 */
enum hvl_op {
	HVL_OP_LOGOFF = 1,	/* host: struct hvl_logoff */
	HVL_OP_CANCEL = 2,	/* host: struct hvl_op_header; answered by hvl_report */
	HVL_OP_QUERY = 3,	/* host: struct hvl_op_header; answered by hvl_report */
	HVL_OP_PROGRESS = 4,	/* guest: struct hvl_report */
	HVL_OP_COMPLETE = 5,	/* guest: struct hvl_report, the answer to LOGOFF */
	/* since 1.1 */
	HVL_OP_TARGET = 6,	/* host: struct hvl_target; otherwise like LOGOFF */
	HVL_OP_SESSION = 7,	/* guest: struct hvl_session */
};

/**
 * struct hvl_op_header - start of every body of HVL_MSGTYPE_LOGOFF, 16 bytes
 * @op: enum hvl_op
 * @flags: HVL_OP_LOGOFF: HV_LOGOFF_FORCE; HVL_OP_TARGET: also HV_LOGOFF_DRY_RUN and,
 *	since 1.2, HV_LOGOFF_INCLUDE_LINGERING, HV_LOGOFF_NO_LOGINS;
 *	HVL_OP_COMPLETE: HVL_REPLAY; otherwise 0
 * @id: the request, chosen by the host, never 0, never used twice in a boot;
 *	0 in an HVL_OP_SESSION that belongs to no request
 */
struct hvl_op_header {
	__u32 op;
	__u32 flags;
	__u64 id;
} __packed __aligned(4); /* follows a header of 28 bytes */

/*
 * hvl_op_header.flags of a COMPLETE that answers a repeated request again, or whose
 * result is that of an earlier run of the same id
 */
#define HVL_REPLAY		0x00000001

/**
 * struct hvl_logoff - log off all users, 1048 bytes
 * @header: op is HVL_OP_LOGOFF
 * @timeout: seconds, 1 to HV_LOGOFF_TIMEOUT_MAX, for the whole request
 * @grace: seconds, less than @timeout, before the first session is ended
 * @message: for the users, UTF-8, NUL terminated; may be empty
 */
struct hvl_logoff {
	struct hvl_op_header header;
	__u32 timeout;
	__u32 grace;
	char message[HV_LOGOFF_MESSAGE_SIZE];
};

/**
 * struct hvl_report - state, progress and result of a request, 296 bytes
 * @header: op is HVL_OP_PROGRESS, _COMPLETE, or in an answer _CANCEL, _QUERY
 * @state: enum hv_logoff_state
 * @percent: 0 to 100
 * @found: sessions that the request applies to
 * @ended: of these, sessions that have ended
 * @failed: of these, sessions that did not end in time
 * @result: HRESULT of the request when @state is HV_LOGOFF_DONE, otherwise 0
 * @text: human-readable, UTF-8, NUL terminated
 */
struct hvl_report {
	struct hvl_op_header header;
	__u32 state;
	__u32 percent;
	__u32 found;
	__u32 ended;
	__u32 failed;
	__u32 result;
	char text[HV_LOGOFF_TEXT_SIZE];
};

/**
 * struct hvl_target - log off some users, 1368 bytes
 * @logoff: op is HVL_OP_TARGET, flags may have HV_LOGOFF_DRY_RUN
 * @user: only this user's sessions; NUL terminated; empty: all users'
 * @session: only the session with this logind id; NUL terminated; empty: all
 */
struct hvl_target {
	struct hvl_logoff logoff;
	char user[HV_LOGOFF_USER_SIZE];
	char session[HV_LOGOFF_SESSION_SIZE];
};

/**
 * struct hvl_session - the outcome of a user's session, 352 bytes
 * @header: op is HVL_OP_SESSION; id is 0 if no request ended it
 * @outcome: enum hv_logoff_outcome
 * @kind: with HV_LOGOFF_ENDED enum hv_logoff_kind, otherwise 0
 * @uid: the user's uid
 * @lost: messages of this op that were dropped between the previous one and this
 *	one, because the host did not read or the channel was reopened
 * @user: the user's name, NUL terminated
 * @session: logind's id of the session, NUL terminated; since 1.2, empty if @outcome is
 *	about a user, except with HV_LOGOFF_RETURNED: the session that was opened
 */
struct hvl_session {
	struct hvl_op_header header;
	__u32 outcome;
	__u32 kind;
	__u32 uid;
	__u32 lost;
	char user[HV_LOGOFF_USER_SIZE];
	char session[HV_LOGOFF_SESSION_SIZE];
};

/**
 * struct hvl_packet - one message, as it is built or copied out of the ring
 * @header: pipe and IC header
 * @body: @header.size bytes of it are in use
 */
struct hvl_packet {
	struct hvl_header header;
	union {
		struct hvl_negotiate negotiate;
		struct hvl_op_header op;
		struct hvl_logoff logoff;
		struct hvl_report report;
		struct hvl_target target;
		struct hvl_session session;
		__u8 bytes[HVL_PACKET_MAX - 28];
	} body;
};

/* Highest first. */
extern const struct hvl_version hvl_framework_versions[2];
extern const struct hvl_version hvl_message_versions[3];

/* Whether @version is @major.@minor or later; 0.0, none, is before any other. */
static inline bool hvl_version_since(struct hvl_version version, __u16 major, __u16 minor)
{
	return version.major > major || (version.major == major && version.minor >= minor);
}

/* As HV_LOGOFF_VERSION_*: the device's versions and those of the messages correspond. */
static inline __u32 hvl_version_number(struct hvl_version version)
{
	return (__u32)version.major << 16 | version.minor;
}

/* Bytes to send for @packet. */
static inline size_t hvl_packet_size(const struct hvl_packet *packet)
{
	return sizeof(packet->header) + packet->header.size;
}

bool hvl_packet_check(const struct hvl_packet *packet, size_t length);
void hvl_packet_init(struct hvl_packet *packet, __u16 type, __u16 size,
		     __u8 transaction, __u8 flags);

/* The guest's half: check requests, build answers. */
bool hvl_answer_negotiate(const struct hvl_packet *request,
			  struct hvl_packet *answer,
			  const struct hvl_version *versions, size_t count,
			  struct hvl_version *framework,
			  struct hvl_version *message);
__u32 hvl_check_request(const struct hvl_packet *packet, struct hvl_version version);
void hvl_build_refusal(struct hvl_packet *packet, __u16 type,
		       __u8 transaction, __u32 status);

#endif /* HV_LOGOFF_WIRE_H */
