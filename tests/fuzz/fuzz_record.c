// SPDX-License-Identifier: GPL-2.0-or-later
/* What a daemon writes to the char device. */
#include <errno.h>

#include "driver/record.h"
#include "driver/wire.h"
#include "fuzz.h"

/* The limits of docs/uapi.md. */
static void must_be_report(const struct hv_logoff_report *report)
{
	size_t length = strnlen(report->text, HV_LOGOFF_TEXT_SIZE);

	must(report->state == HV_LOGOFF_GRACE || report->state == HV_LOGOFF_ENDING ||
	     report->state == HV_LOGOFF_DONE);
	must(report->percent <= 100);
	must((__u64)report->ended + report->failed <= report->found);
	must(report->state == HV_LOGOFF_DONE || !report->result);
	must(length < HV_LOGOFF_TEXT_SIZE);
	for (; length < HV_LOGOFF_TEXT_SIZE; length++)
		must(!report->text[length]);
}

/* What the driver takes from the daemon, it passes on: the host has to believe it. */
static void must_reach_the_host(const struct hv_logoff_report *report)
{
	struct hvl_packet packet;
	struct hvl_report *heard = &packet.body.report;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(*heard), 0, 0);
	heard->header.op = report->state == HV_LOGOFF_DONE ? HVL_OP_COMPLETE : HVL_OP_PROGRESS;
	heard->header.id = report->header.id | 1;
	heard->state = report->state;
	heard->percent = report->percent;
	heard->found = report->found;
	heard->ended = report->ended;
	heard->failed = report->failed;
	heard->result = report->result;
	memcpy(heard->text, report->text, sizeof(heard->text));
	must(hvl_packet_check(&packet, hvl_packet_size(&packet)));
	must(hvl_check_report(&packet));
}

static void must_be_record(const union hvl_written *record, size_t size)
{
	must(record->header.size == size);
	if (record->header.type == HV_LOGOFF_HELLO) {
		must(size == 24 && !record->header.id);
		must(record->hello.minimum <= 0x10000 && record->hello.version >= 0x10000);
		return;
	}
	must(record->header.type == HV_LOGOFF_REPORT && size == 296);
	must_be_report(&record->report);
	must_reach_the_host(&record->report);
}

/* Whatever a daemon reports within the limits, the driver takes. */
static void report_rightly(const uint8_t *data, size_t size)
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
	report->text[HV_LOGOFF_TEXT_SIZE - 1] = 0;
	for (size_t i = strlen(report->text); i < HV_LOGOFF_TEXT_SIZE; i++)
		report->text[i] = 0;
	must(hvl_record_check(&record, sizeof(*report)) == 0);
	must_reach_the_host(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union hvl_written *record;
	int ret;

	/* The driver does not copy what is longer. */
	if (size > sizeof(*record))
		return 0;
	record = exact_copy(data, size);
	ret = hvl_record_check(record, size);
	if (!ret)
		must_be_record(record, size);
	else if (ret == -EPROTONOSUPPORT)
		must(record->hello.minimum > 0x10000 || record->hello.version < 0x10000);
	else
		must(ret == -EINVAL);
	report_rightly(data, size);
	free(record);
	return 0;
}
