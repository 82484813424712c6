// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_requests.h"

#include <errno.h>
#include <inttypes.h>
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

static int handle_report(void *userdata, const struct hv_logoff_report *report)
{
	const struct device_requests *requests = userdata;
	struct hv_logoff_report named = *report;
	int r;

	named.header.id = requests->id;
	r = device_report(&requests->device, &named);
	notify_status(report->text);
	if (r < 0 && r != -ESTALE)
		log_message(LOG_ERR, "The driver rejected a report: %s.", strerror(-r));
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

static void handle_outcome(void *userdata, const struct outcome *outcome)
{
	const struct device_requests *requests = userdata;

	report_outcome(requests, requests->id, outcome, 0);
}

static const struct logoff_transport transport = {
	.report = handle_report,
	.outcome = handle_outcome,
};

static void refuse(struct device_requests *requests, uint32_t result, const char *text)
{
	struct hv_logoff_report report = {
		.header = {.type = HV_LOGOFF_REPORT, .size = sizeof(report)},
		.state = HV_LOGOFF_DONE,
		.result = result,
	};

	text_clean_line(report.text, sizeof(report.text), text);
	handle_report(requests, &report);
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

static void on_request(void *userdata, const struct hv_logoff_target *target)
{
	const struct hv_logoff_request *record = &target->request;
	struct device_requests *requests = userdata;
	const char *invalid;
	struct logoff_request request = {
		.flags = record->flags,
		.timeout = record->timeout,
		.grace = record->grace,
	};

	/* The driver has only one request at a time, so its previous one is no longer valid. */
	drop_request(requests);
	requests->id = record->header.id;
	snprintf(request.id, sizeof(request.id), "0x%016" PRIx64, (uint64_t)record->header.id);
	memcpy(request.message, record->message, sizeof(request.message) - 1);
	memcpy(request.user, target->user, sizeof(request.user) - 1);
	memcpy(request.session, target->session, sizeof(request.session) - 1);
	invalid = find_invalid_name(&request);
	if (invalid)
		refuse(requests, HV_LOGOFF_E_INVALIDARG, invalid);
	else if (engine_request(requests->engine, &transport, requests, &request) == -EBUSY)
		refuse(requests, HV_LOGOFF_E_BUSY,
		       "A logoff request from another transport is in progress.");
}

static void on_cancel(void *userdata, const struct hv_logoff_cancel *cancel)
{
	struct device_requests *requests = userdata;

	if (cancel->header.id == requests->id)
		engine_cancel(requests->engine, &transport, cancel->reason);
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
			  void (*gone)(void *userdata, int error), void *userdata)
{
	*requests = (struct device_requests){
		.device.fd = -1,
		.engine = engine,
		.gone = gone,
		.userdata = userdata,
	};
}

int device_requests_start(struct device_requests *requests, int fd, sd_event *event)
{
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
	const struct outcome outcome = {
		.outcome = HV_LOGOFF_ENDED,
		.uid = session->uid,
		.user = session->user,
		.session = session->id,
	};

	report_outcome(requests, id, &outcome, kind);
}
