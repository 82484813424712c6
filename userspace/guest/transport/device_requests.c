// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_requests.h"

#include <errno.h>
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

/* The last request's id in the journal. */
static const char *id_text(const struct device_requests *requests, char id[LOGOFF_ID_SIZE])
{
	known_requests_format_id(id, requests->id);
	return id;
}

static void record_result(const struct device_requests *requests,
			  const struct hv_logoff_report *report)
{
	char id[LOGOFF_ID_SIZE];

	if (requests->recorded)
		known_requests_finish(requests->known, id_text(requests, id), report);
}

static void record_ending(const struct device_requests *requests)
{
	char id[LOGOFF_ID_SIZE];

	if (requests->recorded)
		known_requests_ending(requests->known, id_text(requests, id));
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
	known_requests_format_id(request->id, record->header.id);
	memcpy(request->message, record->message, sizeof(request->message) - 1);
	memcpy(request->user, target->user, sizeof(request->user) - 1);
	memcpy(request->session, target->session, sizeof(request->session) - 1);
}

static void start_request(struct device_requests *requests, const struct logoff_request *request,
			  bool known)
{
	int r = 0;

	if (!(request->flags & HV_LOGOFF_DRY_RUN)) {
		if (!known)
			r = known_requests_add(requests->known, request->id);
		requests->recorded = r >= 0;
	}
	if (r >= 0)
		engine_request(requests->engine, &transport, requests, request);
	else
		refuse(requests, HV_LOGOFF_E_EXCEPTION,
		       "The guest cannot record the request in %s/" KNOWN_REQUESTS_NAME ": %s.",
		       requests->known->directory, journal_explain(r));
}

/* Nothing is carried out, whatever the repeated request contains. */
static void replay(const struct device_requests *requests, const struct journal_result *result)
{
	struct hv_logoff_report report;

	log_message(LOG_INFO, "Request %s is complete already; its result is reported again.",
		    result->id);
	known_requests_report(&report, result);
	report.flags = HV_LOGOFF_REPLAYED;
	send_report(requests, &report);
}

/*
 * An earlier daemon may have been interrupted. The driver tells if it knows the request still. If
 * the engine is busy, it may be with this one, which also came by a socket.
 */
static const struct journal_entry *find(const struct device_requests *requests, const char *id)
{
	if (requests->redelivered || requests->engine->phase != ENGINE_IDLE)
		return known_requests_find(requests->known, id);
	return known_requests_settle(requests->known, id);
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
	invalid = known_requests_invalid_name(&request);
	entry = find(requests, request.id);
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
		start_request(requests, &request, entry);
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
			  struct known_requests *known, void (*gone)(void *userdata, int error),
			  void *userdata)
{
	*requests = (struct device_requests){
		.device.fd = -1,
		.engine = engine,
		.known = known,
		.gone = gone,
		.userdata = userdata,
	};
}

int device_requests_start(struct device_requests *requests, int fd, sd_event *event)
{
	known_requests_load(requests->known);
	return device_start(&requests->device, fd, event, &handler, requests);
}

void device_requests_done(struct device_requests *requests)
{
	device_done(&requests->device);
}

uint64_t device_requests_current(const struct device_requests *requests)
{
	return engine_serves(requests->engine, &transport) ? requests->id : 0;
}

void device_requests_session_ended(const struct device_requests *requests, uint64_t id,
				   const struct session *session, enum hv_logoff_kind kind)
{
	const struct outcome outcome = outcome_of(session, HV_LOGOFF_ENDED);

	report_outcome(requests, id, &outcome, kind);
}
