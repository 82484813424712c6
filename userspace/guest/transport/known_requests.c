// SPDX-License-Identifier: GPL-2.0-or-later
#include "known_requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "userspace/guest/log.h"
#include "userspace/shared/text.h"

void known_requests_init(struct known_requests *known, const char *directory, const char *boot)
{
	*known = (struct known_requests){.directory = directory, .journal.fd = -1};
	strncpy(known->boot, boot, sizeof(known->boot) - 1);
}

static int load(struct known_requests *known)
{
	if (known->journal.fd >= 0)
		return 0;
	return journal_load(&known->journal, known->directory, KNOWN_REQUESTS_NAME, known->boot);
}

void known_requests_load(struct known_requests *known)
{
	int r = load(known);

	if (r < 0)
		log_message(LOG_ERR,
			    "Cannot use %s/" KNOWN_REQUESTS_NAME ", which lists the received "
			    "requests of the logoff component and by sockets: %s. These requests "
			    "are refused until it is repaired, or removed while no request is in "
			    "progress.",
			    known->directory, journal_explain(r));
}

void known_requests_done(struct known_requests *known)
{
	journal_done(&known->journal);
}

const struct journal_entry *known_requests_find(struct known_requests *known, const char *id)
{
	load(known);
	return journal_find(&known->journal, id);
}

static void save(const struct known_requests *known, const char *what, const char *id)
{
	int r = journal_save(&known->journal);

	if (r < 0)
		log_message(LOG_ERR,
			    "Cannot record %s of request %s in %s/" KNOWN_REQUESTS_NAME ": %s.",
			    what, id, known->directory, journal_explain(r));
}

const struct journal_entry *known_requests_settle(struct known_requests *known, const char *id)
{
	static const struct hv_logoff_report interrupted = {
		.state = HV_LOGOFF_DONE,
		.result = HV_LOGOFF_E_CANCELLED,
		.text = "The request was interrupted before any session was ended.",
	};
	const struct journal_entry *entry = known_requests_find(known, id);

	if (entry && !entry->result.id[0] && !entry->ending)
		known_requests_finish(known, id, &interrupted);
	return entry;
}

int known_requests_add(struct known_requests *known, const char *id)
{
	int r = load(known);

	if (r >= 0) {
		journal_add(&known->journal, id, 0);
		r = journal_save(&known->journal);
		if (r < 0)
			journal_remove(&known->journal, id);
	}
	if (r < 0)
		log_message(LOG_ERR,
			    "Refused request %s: cannot record it in %s/" KNOWN_REQUESTS_NAME
			    ": %s.",
			    id, known->directory, journal_explain(r));
	return r;
}

void known_requests_ending(struct known_requests *known, const char *id)
{
	if (journal_begin_ending(&known->journal, id))
		save(known, "the state", id);
}

void known_requests_finish(struct known_requests *known, const char *id,
			   const struct hv_logoff_report *report)
{
	struct journal_result result = {
		.percent = report->percent,
		.found = report->found,
		.ended = report->ended,
		.failed = report->failed,
		.result = report->result,
	};

	strncpy(result.id, id, sizeof(result.id) - 1);
	memcpy(result.text, report->text, sizeof(result.text));
	if (journal_finish(&known->journal, &result))
		save(known, "the result", id);
}

void known_requests_report(struct hv_logoff_report *report, const struct journal_result *result)
{
	*report = (struct hv_logoff_report){
		.state = HV_LOGOFF_DONE,
		.percent = result->percent,
		.found = result->found,
		.ended = result->ended,
		.failed = result->failed,
		.result = result->result,
	};
	memcpy(report->text, result->text, sizeof(report->text));
}

void known_requests_format_id(char id[LOGOFF_ID_SIZE], uint64_t number)
{
	snprintf(id, LOGOFF_ID_SIZE, "0x%016" PRIx64, number);
}

const char *known_requests_invalid_name(const struct logoff_request *request)
{
	if (request->user[0] && !text_is_name(request->user))
		return "The request's user is not a user name: it contains a control character, a "
		       "colon or a slash, or is not UTF-8.";
	if (request->session[0] && !text_is_session(request->session))
		return "The request's session is not a session id of systemd-logind, which "
		       "consists of letters and digits.";
	return NULL;
}
