// SPDX-License-Identifier: GPL-2.0-or-later
/* The records that a daemon writes to the char device. */
#include <errno.h>

#include "driver/record.h"
#include "fuzz.h"
#include "userspace/shared/wire_host.h"

static void must_be_padded(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	must(length < size);
	for (; length < size; length++)
		must(!text[length]);
}

/* The limits of docs/uapi.md. */
static void must_be_report(const struct hv_logoff_report *report)
{
	must(report->state == HV_LOGOFF_GRACE || report->state == HV_LOGOFF_ENDING ||
	     report->state == HV_LOGOFF_DONE);
	must(report->percent <= 100);
	must((__u64)report->ended + report->failed <= report->found);
	must(report->state == HV_LOGOFF_DONE || !report->result);
	must(!report->flags || report->state == HV_LOGOFF_DONE);
	must(report->flags <= HV_LOGOFF_DECLINED);
	must(report->flags != HV_LOGOFF_DECLINED || (report->result && !report->found));
	must(!report->reserved);
	must_be_padded(report->text, HV_LOGOFF_TEXT_SIZE);
}

static void must_be_session(const struct hv_logoff_session *session, __u32 version)
{
	__u32 outcome = session->outcome;
	bool ended = outcome == HV_LOGOFF_ENDED;

	must(outcome >= 1 &&
	     outcome <= (version < 0x10002 ? HV_LOGOFF_SELECTED : HV_LOGOFF_UNTOLD));
	must(ended ? session->kind <= HV_LOGOFF_EXTERNAL : !session->kind && session->header.id);
	must(outcome <= HV_LOGOFF_SELECTED || outcome == HV_LOGOFF_RETURNED ||
	     !session->session[0]);
	must(!session->reserved);
	must_be_padded(session->user, HV_LOGOFF_USER_SIZE);
	must_be_padded(session->session, HV_LOGOFF_SESSION_SIZE);
}

/* The driver forwards what it accepts from the daemon, so the host must accept it as well. */
static void session_must_reach_host(const struct hv_logoff_session *session)
{
	struct hvl_packet packet;
	struct hvl_session *forwarded = &packet.body.session;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(*forwarded), 0, 0);
	forwarded->header.op = HVL_OP_SESSION;
	forwarded->header.id = session->header.id;
	forwarded->outcome = session->outcome;
	forwarded->kind = session->kind;
	forwarded->uid = session->uid;
	memcpy(forwarded->user, session->user, sizeof(forwarded->user));
	memcpy(forwarded->session, session->session, sizeof(forwarded->session));
	must(hvl_packet_check(&packet, hvl_packet_size(&packet)));
	must(hvl_check_session(&packet, hvl_message_versions[0]));
	/* The driver sends it to a host of 1.1 only if that version has the outcome. */
	must(hvl_check_session(&packet, hvl_message_versions[1]) ==
	     (session->outcome <= HV_LOGOFF_SELECTED));
}

static void report_must_reach_host(const struct hv_logoff_report *report)
{
	struct hvl_packet packet;
	struct hvl_report *forwarded = &packet.body.report;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(*forwarded), 0, 0);
	forwarded->header.op = report->state == HV_LOGOFF_DONE ? HVL_OP_COMPLETE : HVL_OP_PROGRESS;
	forwarded->header.id = report->header.id | 1;
	forwarded->state = report->state;
	forwarded->percent = report->percent;
	forwarded->found = report->found;
	forwarded->ended = report->ended;
	forwarded->failed = report->failed;
	forwarded->result = report->result;
	memcpy(forwarded->text, report->text, sizeof(forwarded->text));
	must(hvl_packet_check(&packet, hvl_packet_size(&packet)));
	must(hvl_check_report(&packet, hvl_message_versions[0]));
}

/* Before 1.2 the size is exactly @first; since then it can be anything from @first on. */
static void must_have_size(size_t size, size_t first, __u32 version)
{
	must(version < 0x10002 ? size == first : size >= first);
}

/* What the driver does not know is zero. */
static void must_be_zero(const union hvl_written *record, size_t known, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)record;

	for (size_t i = known; i < size && i < sizeof(*record); i++)
		must(!bytes[i]);
}

static void must_be_record(const union hvl_written *record, size_t size, __u32 version)
{
	must(record->header.size == size);
	switch (record->header.type) {
	case HV_LOGOFF_HELLO:
		must_have_size(size, 24, record->hello.version);
		must_be_zero(record, 32, size);
		must(!record->header.id);
		must(record->hello.minimum <= 0x10002 && record->hello.version >= 0x10000);
		return;
	case HV_LOGOFF_SESSION:
		must(version >= 0x10001);
		must_have_size(size, 352, version);
		must_be_session(&record->session, version);
		session_must_reach_host(&record->session);
		return;
	default:
		must(record->header.type == HV_LOGOFF_REPORT);
		must_have_size(size, 296, version);
		must_be_zero(record, 304, size);
		must_be_report(&record->report);
		report_must_reach_host(&record->report);
	}
}

static void pad(char *text, size_t size)
{
	text[size - 1] = 0;
	for (size_t i = strlen(text); i < size; i++)
		text[i] = 0;
}

/* The driver accepts every report within the limits. */
static void try_valid_report(const uint8_t *data, size_t size)
{
	union hvl_written record = {0};
	struct hv_logoff_report *report = &record.report;

	memcpy(&record, data, size < sizeof(record) ? size : sizeof(record));
	record.header.type = HV_LOGOFF_REPORT;
	record.header.size = sizeof(*report);
	report->state = HV_LOGOFF_GRACE + report->state % 3;
	report->percent %= 101;
	report->ended %= (__u64)report->found + 1;
	report->failed %= (__u64)report->found - report->ended + 1;
	if (report->state != HV_LOGOFF_DONE)
		report->result = 0;
	if (report->state != HV_LOGOFF_DONE)
		report->flags = 0;
	else if (report->result && !report->found)
		report->flags %= HV_LOGOFF_DECLINED + 1;
	else
		report->flags &= HV_LOGOFF_REPLAYED;
	report->reserved = 0;
	pad(report->text, sizeof(report->text));
	must(hvl_record_check(&record, sizeof(*report), HV_LOGOFF_VERSION) == 0);
	report_must_reach_host(report);
}

static void try_valid_session(const uint8_t *data, size_t size)
{
	union hvl_written record = {0};
	struct hv_logoff_session *session = &record.session;

	memcpy(&record, data, size < sizeof(record) ? size : sizeof(record));
	record.header.type = HV_LOGOFF_SESSION;
	record.header.size = sizeof(*session);
	session->outcome = HV_LOGOFF_ENDED + session->outcome % HV_LOGOFF_UNTOLD;
	if (session->outcome == HV_LOGOFF_ENDED) {
		session->kind %= 3;
	} else {
		session->kind = 0;
		session->header.id |= 1;
	}
	session->reserved = 0;
	pad(session->user, sizeof(session->user));
	if (session->outcome > HV_LOGOFF_SELECTED && session->outcome != HV_LOGOFF_RETURNED)
		session->session[0] = 0;
	pad(session->session, sizeof(session->session));
	must(hvl_record_check(&record, sizeof(*session), HV_LOGOFF_VERSION) == 0);
	session_must_reach_host(session);
}

static void check(const union hvl_written *record, size_t size, __u32 version)
{
	int ret = hvl_record_check(record, size, version);

	if (!ret)
		must_be_record(record, size, version);
	else if (ret == -EPROTONOSUPPORT)
		must(record->hello.minimum > 0x10002 || record->hello.version < 0x10000);
	else
		must(ret == -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union hvl_written *record;
	size_t held = size < sizeof(*record) ? size : sizeof(*record);

	/* The driver copies no more, and requires that the rest is zero. */
	for (size_t i = held; i < size; i++)
		if (data[i])
			return 0;
	record = calloc(1, sizeof(*record));
	must(record);
	memcpy(record, data, held);
	for (__u32 version = HV_LOGOFF_VERSION_1_0; version <= HV_LOGOFF_VERSION; version++)
		check(record, size, version);
	try_valid_report(data, size);
	try_valid_session(data, size);
	free(record);
	return 0;
}
