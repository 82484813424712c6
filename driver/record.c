// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check the records that a daemon writes to the char device.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "record.h"

static int check_hello(const struct hv_logoff_hello *hello, size_t count)
{
	if (count != sizeof(*hello) || hello->header.id ||
	    hello->minimum > hello->version)
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

static int check_report(const struct hv_logoff_report *report, size_t count)
{
	if (count != sizeof(*report) ||
	    report->state < HV_LOGOFF_GRACE || report->state > HV_LOGOFF_DONE ||
	    report->percent > 100 || report->ended > report->found ||
	    report->failed > report->found - report->ended ||
	    (report->state != HV_LOGOFF_DONE && report->result) ||
	    !text_valid(report->text, sizeof(report->text)))
		return -EINVAL;
	return 0;
}

static int check_session(const struct hv_logoff_session *session, size_t count)
{
	bool ended;

	if (count != sizeof(*session))
		return -EINVAL;
	ended = session->outcome == HV_LOGOFF_ENDED;
	if (session->outcome < HV_LOGOFF_ENDED || session->outcome > HV_LOGOFF_SELECTED ||
	    (!ended && !session->header.id) ||
	    session->kind > (ended ? HV_LOGOFF_EXTERNAL : 0) || session->reserved ||
	    !text_valid(session->user, sizeof(session->user)) ||
	    !text_valid(session->session, sizeof(session->session)))
		return -EINVAL;
	return 0;
}

/**
 * hvl_record_check() - check a record, without regard to the state
 * @record: private copy of what was written
 * @count: bytes that were written; the rest of @record is not used
 *
 * Return: 0 for a valid HELLO, REPORT or SESSION, -EPROTONOSUPPORT for a HELLO
 * without a common version, -EINVAL for anything else.
 */
int hvl_record_check(const union hvl_written *record, size_t count)
{
	if (count < sizeof(record->header) || record->header.size != count)
		return -EINVAL;
	switch (record->header.type) {
	case HV_LOGOFF_HELLO:
		return check_hello(&record->hello, count);
	case HV_LOGOFF_REPORT:
		return check_report(&record->report, count);
	case HV_LOGOFF_SESSION:
		return check_session(&record->session, count);
	default:
		return -EINVAL;
	}
}
