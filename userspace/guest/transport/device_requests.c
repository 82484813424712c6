// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "userspace/guest/log.h"
#include "userspace/shared/text.h"

/* A newline would begin another assignment. */
static void notify_status(const char *text)
{
	char line[HV_LOGOFF_TEXT_SIZE];

	text_clean_line(line, sizeof(line), text);
	sd_notifyf(0, "STATUS=%s", line);
}

/* Returns 0; -ESTALE if the driver has completed the request itself; or another -errno. */
static int send_report(const struct device_requests *requests,
		       const struct hv_logoff_report *report)
{
	struct hv_logoff_report named = *report;
	int r;

	named.header.id = requests->id;
	r = device_report(&requests->device, &named);
	if (r == -ENODEV)
		r = -ESTALE;
	notify_status(report->text);
	if (r < 0 && r != -ESTALE)
		log_message(LOG_ERR, "The driver rejected a report: %s.", strerror(-r));
	return r;
}

static void format_id(char id[LOGOFF_ID_SIZE], uint64_t number)
{
	snprintf(id, LOGOFF_ID_SIZE, "0x%016" PRIx64, number);
}

static void save_journal(const struct device_requests *requests, const char *what)
{
	int r = journal_save(&requests->journal);

	if (r < 0)
		log_message(LOG_ERR,
			    "Cannot record %s of request 0x%016" PRIx64
			    " in %s/" DEVICE_JOURNAL_NAME ": %s.",
			    what, requests->id, requests->directory, journal_explain(r));
}

/* Until it is in the file, another daemon would continue the request, or take it for cancelled. */
static void record_result(struct device_requests *requests, const struct hv_logoff_report *report)
{
	struct journal_result result = {
		.percent = report->percent,
		.found = report->found,
		.ended = report->ended,
		.failed = report->failed,
		.result = report->result,
	};

	if (!requests->recorded)
		return;
	format_id(result.id, requests->id);
	memcpy(result.text, report->text, sizeof(result.text));
	journal_finish(&requests->journal, &result);
	save_journal(requests, "the result");
}

static void record_ending(struct device_requests *requests)
{
	char id[LOGOFF_ID_SIZE];

	format_id(id, requests->id);
	if (requests->recorded && journal_begin_ending(&requests->journal, id))
		save_journal(requests, "the state");
}

/*
 * The journal has the result first: if this daemon ends in between, the next one reports the same
 * result. The driver has ENDING first, since the host can cancel the request until then; no session
 * is ended before both have it.
 */
static int handle_report(void *userdata, const struct hv_logoff_report *report)
{
	struct device_requests *requests = userdata;
	int r;

	requests->last = *report;
	if (report->state == HV_LOGOFF_DONE)
		record_result(requests, report);
	r = send_report(requests, report);
	if (r >= 0 && report->state == HV_LOGOFF_ENDING)
		record_ending(requests);
	return r;
}

/* An older driver does not accept every SESSION record. */
static void report_outcome(const struct device_requests *requests, uint64_t id,
			   const struct outcome *outcome, enum hv_logoff_kind kind)
{
	struct hv_logoff_session record = {
		.header =
			{
				.type = HV_LOGOFF_SESSION,
				.size = sizeof(record),
				.id = id,
			},
		.outcome = outcome->outcome,
		.kind = kind,
		.uid = outcome->uid,
	};
	int r;

	text_clean_line(record.user, sizeof(record.user), outcome->user);
	text_clean_line(record.session, sizeof(record.session), outcome->session);
	r = device_session(&requests->device, &record);
	/* The request that ended the session has completed. */
	if (r == -ESTALE && outcome->outcome == HV_LOGOFF_ENDED && id) {
		record.header.id = 0;
		r = device_session(&requests->device, &record);
	}
	if (r < 0 && r != -EOPNOTSUPP && r != -ESTALE)
		log_message(LOG_WARNING, "The driver rejected the report on user %s: %s.",
			    record.user, strerror(-r));
}

/* The end of a session was reported when it happened: see device_requests_session_ended(). */
static void handle_outcome(void *userdata, const struct outcome *outcome)
{
	const struct device_requests *requests = userdata;

	if (outcome->outcome != HV_LOGOFF_ENDED)
		report_outcome(requests, requests->id, outcome, 0);
}

static const struct logoff_transport transport = {
	.name = "component",
	.report = handle_report,
	.outcome = handle_outcome,
};

/*
 * The driver delivers the request again if the host repeats it. Not one that an earlier daemon may
 * have started: the driver would deliver it as a new one.
 */
__attribute__((format(printf, 3, 4))) static void refuse(const struct device_requests *requests,
							 uint32_t result, const char *format, ...)
{
	struct hv_logoff_report report = {
		.state = HV_LOGOFF_DONE,
		.result = result,
		.flags = requests->redelivered ? 0 : HV_LOGOFF_DECLINED,
	};
	char text[2 * HV_LOGOFF_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_clean_line(report.text, sizeof(report.text), text);
	send_report(requests, &report);
}

/* Returns a sentence about a name that no user or session has, or NULL. */
static const char *find_invalid_name(const struct logoff_request *request)
{
	if (request->user[0] && !text_is_name(request->user))
		return "The request's user is not a user name: it contains a control character, a "
		       "colon or a slash, or is not UTF-8.";
	if (request->session[0] && !text_is_session(request->session))
		return "The request's session is not a session id of systemd-logind, which "
		       "consists of letters and digits.";
	return NULL;
}

static void on_hello(void *userdata, uint32_t version)
{
	(void)userdata;
	sd_notify(0, "READY=1\nSTATUS=Ready for the host's requests.");
	log_message(LOG_INFO, "Ready for the host's requests; the driver uses version %u.%u.",
		    version >> 16, version & 0xffff);
}

static void drop_request(struct device_requests *requests)
{
	if (engine_serves(requests->engine, &transport))
		engine_drop(requests->engine);
}

static void read_request(struct logoff_request *request, const struct hv_logoff_target *target)
{
	const struct hv_logoff_request *record = &target->request;

	*request = (struct logoff_request){
		.flags = record->flags,
		.timeout = record->timeout,
		.grace = record->grace,
	};
	format_id(request->id, record->header.id);
	memcpy(request->message, record->message, sizeof(request->message) - 1);
	memcpy(request->user, target->user, sizeof(request->user) - 1);
	memcpy(request->session, target->session, sizeof(request->session) - 1);
}

/* A journal that was not usable may have been repaired. */
static int load_journal(struct device_requests *requests)
{
	if (requests->journal.fd >= 0)
		return 0;
	return journal_load(&requests->journal, requests->directory, DEVICE_JOURNAL_NAME,
			    requests->boot);
}

/* The request is accepted once it is in the file, so that no later daemon starts it again. */
static int record_request(struct device_requests *requests, const char *id)
{
	int r = load_journal(requests);

	if (r < 0)
		return r;
	journal_add(&requests->journal, id, 0);
	r = journal_save(&requests->journal);
	if (r < 0)
		journal_remove(&requests->journal, id);
	return r;
}

static void start_request(struct device_requests *requests, const struct logoff_request *request)
{
	int r = 0;

	if (!(request->flags & HV_LOGOFF_DRY_RUN)) {
		if (!journal_find(&requests->journal, request->id))
			r = record_request(requests, request->id);
		requests->recorded = r >= 0;
	}
	if (r >= 0) {
		engine_request(requests->engine, &transport, requests, request);
		return;
	}
	log_message(LOG_ERR,
		    "Refused request %s: cannot record it in %s/" DEVICE_JOURNAL_NAME ": %s.",
		    request->id, requests->directory, journal_explain(r));
	refuse(requests, HV_LOGOFF_E_EXCEPTION,
	       "The guest cannot record the request in %s/" DEVICE_JOURNAL_NAME ": %s.",
	       requests->directory, journal_explain(r));
}

/* Nothing is carried out, whatever the repeated request contains. */
static void replay(const struct device_requests *requests, const struct journal_result *result)
{
	struct hv_logoff_report report = {
		.state = HV_LOGOFF_DONE,
		.percent = result->percent,
		.found = result->found,
		.ended = result->ended,
		.failed = result->failed,
		.result = result->result,
		.flags = HV_LOGOFF_REPLAYED,
	};

	log_message(LOG_INFO, "Request %s is complete already; its result is reported again.",
		    result->id);
	memcpy(report.text, result->text, sizeof(report.text));
	send_report(requests, &report);
}

/*
 * An earlier daemon was interrupted before any session was ended, and the driver does not know the
 * request any more. The host may have cancelled it, so it is not continued.
 */
static void abandon(struct device_requests *requests)
{
	struct hv_logoff_report report = {
		.state = HV_LOGOFF_DONE,
		.result = HV_LOGOFF_E_CANCELLED,
		.text = "The request was interrupted before any session was ended.",
	};

	requests->recorded = true;
	record_result(requests, &report);
}

/* The id decides: a request that is known is not compared with the earlier one. */
static void on_request(void *userdata, const struct hv_logoff_target *target)
{
	struct device_requests *requests = userdata;
	const struct journal_entry *entry;
	struct logoff_request request;
	const char *invalid;

	/* The driver has only one request at a time, so its previous one is no longer valid. */
	drop_request(requests);
	requests->id = target->request.header.id;
	requests->redelivered = target->request.flags & HV_LOGOFF_REDELIVERED;
	requests->recorded = false;
	requests->last = (struct hv_logoff_report){0};
	read_request(&request, target);
	invalid = find_invalid_name(&request);
	load_journal(requests);
	entry = journal_find(&requests->journal, request.id);
	if (entry && !entry->result.id[0] && !entry->ending && !requests->redelivered)
		abandon(requests);
	/* A daemon has started it, and may have ended sessions. */
	if (entry)
		request.flags |= HV_LOGOFF_REDELIVERED;
	if (entry && entry->result.id[0])
		replay(requests, &entry->result);
	else if (invalid)
		refuse(requests, HV_LOGOFF_E_INVALIDARG, "%s", invalid);
	else if (requests->engine->phase != ENGINE_IDLE)
		refuse(requests, HV_LOGOFF_E_BUSY,
		       "A logoff request from another transport is in progress.");
	else
		start_request(requests, &request);
}

/* The driver has completed the request itself, with this result. */
static void record_abandoned(struct device_requests *requests, uint32_t reason)
{
	struct hv_logoff_report report = requests->last;
	bool suspend = reason == HV_LOGOFF_CANCEL_SUSPEND;

	report.state = HV_LOGOFF_DONE;
	report.result = suspend ? HV_LOGOFF_E_EXCEPTION : HV_LOGOFF_E_TIMED_OUT;
	text_clean_line(report.text, sizeof(report.text),
			suspend ? "The guest was suspended."
				: "hv-logoffd did not report a result in time.");
	record_result(requests, &report);
}

static void on_cancel(void *userdata, const struct hv_logoff_cancel *cancel)
{
	struct device_requests *requests = userdata;

	if (cancel->header.id != requests->id)
		return;
	engine_cancel(requests->engine, &transport, cancel->reason);
	if (cancel->reason != HV_LOGOFF_CANCEL_HOST)
		record_abandoned(requests, cancel->reason);
}

static void on_gone(void *userdata, int error)
{
	struct device_requests *requests = userdata;

	drop_request(requests);
	requests->gone(requests->userdata, error);
}

static const struct device_handler handler = {
	.hello = on_hello,
	.request = on_request,
	.cancel = on_cancel,
	.gone = on_gone,
};

void device_requests_init(struct device_requests *requests, struct engine *engine,
			  const char *directory, const char *boot,
			  void (*gone)(void *userdata, int error), void *userdata)
{
	*requests = (struct device_requests){
		.device.fd = -1,
		.journal.fd = -1,
		.engine = engine,
		.directory = directory,
		.gone = gone,
		.userdata = userdata,
	};
	strncpy(requests->boot, boot, sizeof(requests->boot) - 1);
}

int device_requests_start(struct device_requests *requests, int fd, sd_event *event)
{
	int r = load_journal(requests);

	if (r < 0)
		log_message(LOG_ERR,
			    "Cannot use %s/" DEVICE_JOURNAL_NAME ", which lists the received "
			    "requests of the logoff component: %s. These requests are refused "
			    "until it is repaired, or removed while no request is in progress.",
			    requests->directory, journal_explain(r));
	return device_start(&requests->device, fd, event, &handler, requests);
}

void device_requests_stop(struct device_requests *requests)
{
	device_done(&requests->device);
}

void device_requests_done(struct device_requests *requests)
{
	device_requests_stop(requests);
	journal_done(&requests->journal);
}

uint64_t device_requests_current(const struct device_requests *requests)
{
	return engine_serves(requests->engine, &transport) ? requests->id : 0;
}

void device_requests_session_ended(const struct device_requests *requests, uint64_t id,
				   const struct session *session, enum hv_logoff_kind kind)
{
	const struct outcome outcome = {
		.outcome = HV_LOGOFF_ENDED,
		.uid = session->uid,
		.user = session->user,
		.session = session->id,
	};

	report_outcome(requests, id, &outcome, kind);
}
