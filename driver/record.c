// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check the records that a daemon writes to the char device.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "growth.h"
#include "record.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The version that introduced each record, and its sizes. */
static const struct {
	__u32 since;
	struct hvl_size size;
} types[] = {
	/* A HELLO is how versions are compared: check_hello() does this. */
	[HV_LOGOFF_HELLO] = { 0,
		{ HV_LOGOFF_HELLO_SIZE_1_0, sizeof(struct hv_logoff_hello) } },
	[HV_LOGOFF_REPORT] = { HV_LOGOFF_VERSION_1_0,
		{ HV_LOGOFF_REPORT_SIZE_1_0, sizeof(struct hv_logoff_report) } },
	[HV_LOGOFF_SESSION] = { HV_LOGOFF_VERSION_1_1,
		{ sizeof(struct hv_logoff_session), sizeof(struct hv_logoff_session) } },
};

static bool size_valid(const union hvl_written *record, size_t count, __u32 version)
{
	size_t held = count < sizeof(*record) ? count : sizeof(*record);
	bool grows = version >= HV_LOGOFF_VERSION_1_2;
	__u32 type = record->header.type;

	return type < COUNT(types) && version >= types[type].since &&
	       (grows || count == held) &&
	       hvl_size_accepts(&types[type].size, record, held, grows);
}

static int check_hello(const struct hv_logoff_hello *hello)
{
	if (hello->header.id || hello->minimum > hello->version)
		return -EINVAL;
	if (hello->minimum > HV_LOGOFF_VERSION || hello->version < HV_LOGOFF_VERSION_1_0)
		return -EPROTONOSUPPORT;
	return 0;
}

/* Whether the text is terminated, and zero after its NUL. */
static bool text_valid(const char *text, size_t size)
{
	size_t i = strnlen(text, size);

	if (i == size)
		return false;
	for (; i < size; i++)
		if (text[i])
			return false;
	return true;
}

static bool report_flags_valid(const struct hv_logoff_report *report)
{
	switch (report->flags) {
	case 0:
		return true;
	case HV_LOGOFF_REPLAYED:
		return report->state == HV_LOGOFF_DONE;
	case HV_LOGOFF_DECLINED:
		return report->result && !report->found;
	default:
		return false;
	}
}

static int check_report(const struct hv_logoff_report *report)
{
	if (report->state < HV_LOGOFF_GRACE || report->state > HV_LOGOFF_DONE ||
	    report->percent > 100 || report->ended > report->found ||
	    report->failed > report->found - report->ended ||
	    (report->state != HV_LOGOFF_DONE && report->result) ||
	    !report_flags_valid(report) || report->reserved ||
	    !text_valid(report->text, sizeof(report->text)))
		return -EINVAL;
	return 0;
}

/* Since 1.2, outcomes can be about a user; only RETURNED is about a session as well. */
static bool user_outcome_valid(const struct hv_logoff_session *session)
{
	return session->outcome <= HV_LOGOFF_UNTOLD && session->header.id &&
	       !session->kind &&
	       (session->outcome == HV_LOGOFF_RETURNED || !session->session[0]);
}

static bool outcome_valid(const struct hv_logoff_session *session, __u32 version)
{
	switch (session->outcome) {
	case 0:
		return false;
	case HV_LOGOFF_ENDED:
		return session->kind <= HV_LOGOFF_EXTERNAL;
	case HV_LOGOFF_FAILED:
	case HV_LOGOFF_SELECTED:
		return session->header.id && !session->kind;
	default:
		return version >= HV_LOGOFF_VERSION_1_2 && user_outcome_valid(session);
	}
}

static int check_session(const struct hv_logoff_session *session, __u32 version)
{
	if (!outcome_valid(session, version) || session->reserved ||
	    !text_valid(session->user, sizeof(session->user)) ||
	    !text_valid(session->session, sizeof(session->session)))
		return -EINVAL;
	return 0;
}

/**
 * hvl_record_check() - check a record, without regard to the state
 * @record: private copy of what was written; zero beyond @count
 * @count: bytes that were written; those beyond @record are zero
 * @version: the version that the daemon and the driver use; not used for a HELLO,
 *	which states its own
 *
 * Return: 0 for a valid HELLO, REPORT or SESSION, -EPROTONOSUPPORT for a HELLO
 * without a common version, -EINVAL for anything else.
 */
int hvl_record_check(const union hvl_written *record, size_t count, __u32 version)
{
	if (count < sizeof(record->header) || record->header.size != count)
		return -EINVAL;
	if (record->header.type == HV_LOGOFF_HELLO)
		version = record->hello.version;
	if (!size_valid(record, count, version))
		return -EINVAL;
	switch (record->header.type) {
	case HV_LOGOFF_HELLO:
		return check_hello(&record->hello);
	case HV_LOGOFF_REPORT:
		return check_report(&record->report);
	default:
		return check_session(&record->session, version);
	}
}
