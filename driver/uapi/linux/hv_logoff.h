/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/vmbus/hv_logoff: the device through which a daemon receives the logoff
 * requests of a Hyper-V host, and reports on them.
 *
 * One process can have it open at a time (EBUSY). Each read() returns one whole
 * record and each write() takes one whole record; a record's size in bytes is in
 * its header. The first record in each direction is HV_LOGOFF_HELLO.
 *
 * Since version 1.2, the size of a record can grow: new fields are appended. A
 * record that is larger than the reader's structure is accepted if the bytes after
 * the structure are zero. One that is smaller, but not smaller than in the version
 * that introduced it, is read as if zeros followed. Up to 1.1 sizes are exact.
 */
#ifndef _UAPI_LINUX_HV_LOGOFF_H
#define _UAPI_LINUX_HV_LOGOFF_H

#include <linux/types.h>

#define HV_LOGOFF_DEVICE	"vmbus/hv_logoff"	/* below /dev */

/*
 * Versions are major << 16 | minor. A minor version adds record types, flags,
 * outcomes and, since 1.2, fields.
 */
#define HV_LOGOFF_VERSION_1_0	0x00010000
#define HV_LOGOFF_VERSION_1_1	0x00010001	/* adds TARGET and SESSION */
#define HV_LOGOFF_VERSION_1_2	0x00010002	/* adds what is marked with 1.2 below */
#define HV_LOGOFF_VERSION	HV_LOGOFF_VERSION_1_2

/* Bytes. No record of any version is larger. */
#define HV_LOGOFF_RECORD_MAX	4096

/* Bytes, up to version 1.1, of the records that have grown since. */
#define HV_LOGOFF_HELLO_SIZE_1_0	24
#define HV_LOGOFF_REPORT_SIZE_1_0	296

/* Bytes, including the terminating NUL. UTF-8; the bytes after the NUL are zero. */
#define HV_LOGOFF_MESSAGE_SIZE	1024
#define HV_LOGOFF_TEXT_SIZE	256
#define HV_LOGOFF_USER_SIZE	256
#define HV_LOGOFF_SESSION_SIZE	64

/* Seconds. A request's timeout is 1 to this; its grace is less than its timeout. */
#define HV_LOGOFF_TIMEOUT_MAX	86400

enum hv_logoff_record_type {
	HV_LOGOFF_HELLO = 1,	/* read and write, struct hv_logoff_hello */
	HV_LOGOFF_REQUEST = 2,	/* read, struct hv_logoff_request */
	HV_LOGOFF_CANCEL = 3,	/* read, struct hv_logoff_cancel */
	HV_LOGOFF_REPORT = 4,	/* write, struct hv_logoff_report */
	HV_LOGOFF_TARGET = 5,	/* read, struct hv_logoff_target */
	HV_LOGOFF_SESSION = 6,	/* write, struct hv_logoff_session */
};

/* State of a request. Also used on the wire. */
enum hv_logoff_state {
	HV_LOGOFF_PENDING = 0,		/* no daemon has read it yet */
	HV_LOGOFF_DELIVERED = 1,	/* a daemon has read it, no report yet */
	HV_LOGOFF_GRACE = 2,		/* users were notified, nobody is logged off */
	HV_LOGOFF_ENDING = 3,		/* sessions are being ended: can't be cancelled */
	HV_LOGOFF_DONE = 4,		/* complete; has a result */
};

/* hv_logoff_request.flags. Also used on the wire, except for the upper half. */
#define HV_LOGOFF_FORCE		0x00000001	/* kill without sending SIGTERM first */
#define HV_LOGOFF_DRY_RUN	0x00000002	/* only list the sessions; TARGET only */
/* since 1.2, TARGET only: also end the managers of users who linger */
#define HV_LOGOFF_INCLUDE_LINGERING	0x00000004
/* since 1.2, TARGET only: no logons from the acceptance to the end */
#define HV_LOGOFF_NO_LOGINS	0x00000008
#define HV_LOGOFF_REDELIVERED	0x80000000	/* another daemon has already read it */

/* hv_logoff_hello.capabilities: the flags of a TARGET that the daemon supports */
#define HV_LOGOFF_CAN_INCLUDE_LINGERING	0x0000000000000001ULL
#define HV_LOGOFF_CAN_NO_LOGINS		0x0000000000000002ULL

/* hv_logoff_report.flags, since 1.2, with DONE */
#define HV_LOGOFF_REPLAYED	0x00000001	/* the result of an earlier run of this id */
#define HV_LOGOFF_DECLINED	0x00000002	/* not started: the id can be used again */

/* hv_logoff_cancel.reason */
enum hv_logoff_cancel_reason {
	HV_LOGOFF_CANCEL_HOST = 1,	/* by the host; report DONE as usual */
	HV_LOGOFF_CANCEL_TIMEOUT = 2,	/* the driver has completed it: too late */
	HV_LOGOFF_CANCEL_SUSPEND = 3,	/* the driver has completed it: suspend */
};

/* hv_logoff_session.outcome. Also used on the wire. */
enum hv_logoff_outcome {
	HV_LOGOFF_ENDED = 1,		/* the session has ended */
	HV_LOGOFF_FAILED = 2,		/* it did not end before the deadline */
	HV_LOGOFF_SELECTED = 3,		/* dry run: it would be ended */
	/* since 1.2; the record is about a user, and has a session with RETURNED only */
	HV_LOGOFF_MANAGER_ENDED = 4,	/* the user manager and its programs have ended */
	HV_LOGOFF_MANAGER_FAILED = 5,	/* some of them did not end before the deadline */
	HV_LOGOFF_MANAGER_SELECTED = 6,	/* dry run: they would be ended */
	HV_LOGOFF_RETURNED = 7,		/* the user logged on again; not ended again */
	HV_LOGOFF_LINGERING = 8,	/* the user lingers: the manager was not ended */
	HV_LOGOFF_OUTSIDE = 9,		/* the user has processes outside any session */
	HV_LOGOFF_UNTOLD = 10,		/* the user could not be notified */
};

/* hv_logoff_session.kind: Virtual PC's VMLogoffType. Also used on the wire. */
enum hv_logoff_kind {
	HV_LOGOFF_NORMAL = 0,		/* ended by the user */
	HV_LOGOFF_FORCED = 1,		/* ended by another process in the guest */
	HV_LOGOFF_EXTERNAL = 2,		/* ended by a request of the host */
};

/*
 * Results are HRESULTs, with the meanings of Virtual PC's
 * IVMGuestOS::Logoff (VPCCOMInterfaces.h) and winerror.h.
 */
#define HV_LOGOFF_S_OK			0x00000000U
#define HV_LOGOFF_E_FAIL		0x80004005U
#define HV_LOGOFF_E_EXCEPTION		0x80020009U /* DISP_E_EXCEPTION */
#define HV_LOGOFF_E_INVALIDARG		0x80070057U
#define HV_LOGOFF_E_BUSY		0x800700aaU /* ERROR_BUSY */
#define HV_LOGOFF_E_NOT_FOUND		0x80070490U /* ERROR_NOT_FOUND */
#define HV_LOGOFF_E_CANCELLED		0x800704c7U /* ERROR_CANCELLED */
#define HV_LOGOFF_E_NO_SESSION		0x80070520U /* ERROR_NO_SUCH_LOGON_SESSION */
#define HV_LOGOFF_E_TIMED_OUT		0xa0040202U /* VM_E_TIMED_OUT */
#define HV_LOGOFF_E_NOT_AVAIL		0xa0040505U /* VM_E_ADDITIONS_FEATURE_NOT_AVAIL */

/**
 * struct hv_logoff_header - start of every record, 16 bytes
 * @type: enum hv_logoff_record_type
 * @size: size of the whole record in bytes, header included
 * @id: the request's id, never 0; 0 in a HELLO, and in a SESSION that belongs
 *	to no request
 */
struct hv_logoff_header {
	__u32 type;
	__u32 size;
	__u64 id;
};

/**
 * struct hv_logoff_hello - version handshake, 32 bytes; 24 up to version 1.1
 * @header: id is 0
 * @version: written: the newest version that the daemon supports;
 *	read: the version that is used from now on
 * @minimum: written: the oldest version that the daemon supports;
 *	read: the oldest version that the driver supports
 * @capabilities: since 1.2; HV_LOGOFF_CAN_*; written: those of the daemon;
 *	read: those of both; unknown bits are ignored
 *
 * The driver's has the size of the daemon's, but at most its own. A driver of 1.1 or
 * 1.0 refuses 32 bytes with EINVAL: write 24 bytes then, without @capabilities.
 */
struct hv_logoff_hello {
	struct hv_logoff_header header;
	__u32 version;
	__u32 minimum;
	__u64 capabilities;
};

/**
 * struct hv_logoff_request - log off all users, 1056 bytes
 * @header: id of the request, which every report repeats
 * @flags: HV_LOGOFF_FORCE, HV_LOGOFF_REDELIVERED
 * @timeout: seconds from now until the result must be reported
 * @grace: seconds from now in which the users may finish their work
 * @reserved: 0
 * @message: for the users; may be empty; as the host sent it: not necessarily
 *	valid UTF-8, and may contain control characters
 */
struct hv_logoff_request {
	struct hv_logoff_header header;
	__u32 flags;
	__u32 timeout;
	__u32 grace;
	__u32 reserved;
	char message[HV_LOGOFF_MESSAGE_SIZE];
};

/**
 * struct hv_logoff_target - log off some users, 1376 bytes
 * @request: header.type is HV_LOGOFF_TARGET; @flags may have HV_LOGOFF_DRY_RUN
 * @user: only this user's sessions; empty: all users'
 * @session: only the session with this logind id; empty: all
 *
 * Both strings are as the host sent them: NUL terminated, otherwise not checked.
 */
struct hv_logoff_target {
	struct hv_logoff_request request;
	char user[HV_LOGOFF_USER_SIZE];
	char session[HV_LOGOFF_SESSION_SIZE];
};

/**
 * struct hv_logoff_cancel - stop working on a request, 24 bytes
 * @header: id of the request
 * @reason: enum hv_logoff_cancel_reason
 * @reserved: 0
 */
struct hv_logoff_cancel {
	struct hv_logoff_header header;
	__u32 reason;
	__u32 reserved;
};

/**
 * struct hv_logoff_report - progress or result of a request, 304 bytes; 296 up to
 *	version 1.1
 * @header: id of the request
 * @state: HV_LOGOFF_GRACE, HV_LOGOFF_ENDING or HV_LOGOFF_DONE
 * @percent: 0 to 100, of the whole request
 * @found: sessions that the request applies to
 * @ended: of these, sessions that have ended
 * @failed: of these, sessions that did not end in time; ended + failed <= found
 * @result: with HV_LOGOFF_DONE the HRESULT, otherwise 0
 * @text: human-readable: what is being done, or what failed
 * @flags: since 1.2; with HV_LOGOFF_DONE HV_LOGOFF_REPLAYED or, if @result is an error
 *	and @found is 0, HV_LOGOFF_DECLINED; otherwise 0
 * @reserved: since 1.2; 0
 *
 * A state or percentage below an earlier one is raised to the earlier one.
 */
struct hv_logoff_report {
	struct hv_logoff_header header;
	__u32 state;
	__u32 percent;
	__u32 found;
	__u32 ended;
	__u32 failed;
	__u32 result;
	char text[HV_LOGOFF_TEXT_SIZE];
	__u32 flags;
	__u32 reserved;
};

/**
 * struct hv_logoff_session - the outcome of a user's session, 352 bytes
 * @header: id of the request in flight that it belongs to, or 0
 * @outcome: enum hv_logoff_outcome; with id 0 always HV_LOGOFF_ENDED
 * @kind: with HV_LOGOFF_ENDED enum hv_logoff_kind, otherwise 0
 * @uid: the user's uid
 * @reserved: 0
 * @user: the user's name
 * @session: logind's id of the session; since 1.2, empty if @outcome is about a user,
 *	except with HV_LOGOFF_RETURNED: the session that was opened
 *
 * Accepted and ignored if the host supports only version 1.0 of the messages. Outcomes
 * since 1.2 are accepted and ignored if it supports only 1.1.
 */
struct hv_logoff_session {
	struct hv_logoff_header header;
	__u32 outcome;
	__u32 kind;
	__u32 uid;
	__u32 reserved;
	char user[HV_LOGOFF_USER_SIZE];
	char session[HV_LOGOFF_SESSION_SIZE];
};

#endif /* _UAPI_LINUX_HV_LOGOFF_H */
