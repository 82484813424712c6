// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_requests.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "userspace/guest/log.h"
#include "userspace/shared/utc.h"

/* Seconds by which the host's clock may be ahead of this machine's. */
#define SKEW_MAX 300

static void publish(struct kvp_requests *kvp)
{
	char value[KVP_TEXT_MAX + 1];

	kvp_answer_format(value, &kvp->answer, kvp->boot, kvp->ops->now(kvp->outside));
	kvp->ops->publish(kvp->outside, value);
}

/* An answer that lasts: it is there again after a restart. */
static int keep(struct kvp_requests *kvp)
{
	int r;

	kvp->journal.answer = kvp->answer;
	r = kvp_journal_save(&kvp->journal);
	if (r < 0)
		log_message(LOG_ERR, "%s/" KVP_JOURNAL_NAME " cannot be written: %s.",
			    kvp->journal.folder, strerror(-r));
	return r;
}

static int take_report(void *userdata, const struct hv_logoff_report *report)
{
	struct kvp_requests *kvp = userdata;
	struct kvp_answer *answer = &kvp->answer;

	answer->state = report->state;
	answer->percent = report->percent;
	answer->found = report->found;
	answer->ended = report->ended;
	answer->failed = report->failed;
	answer->result = report->result;
	kvp_answer_set_text(answer, report->text);
	if (report->state == HV_LOGOFF_DONE) {
		kvp->journal.begun[0] = '\0';
		keep(kvp);
	}
	publish(kvp);
	return 0;
}

static const struct logoff_transport transport = {.report = take_report};

static bool running(const struct kvp_requests *kvp)
{
	return engine_serves(kvp->engine, &transport);
}

/* Nothing was done, and nothing will be, as the answer says. */
static void decline(struct kvp_requests *kvp, const struct kvp_answer *refusal)
{
	log_message(LOG_WARNING, "Logoff request %s by KVP is refused (0x%08" PRIx32 "): %s",
		    refusal->id, refusal->result, refusal->text);
	if (running(kvp)) {
		/* The answer is the running request's; this one's id is all there is room for. */
		if (strcmp(refusal->id, "-") != 0 && strcmp(refusal->id, kvp->answer.id) != 0)
			memcpy(kvp->answer.busy, refusal->id, sizeof(refusal->id));
		kvp_journal_save(&kvp->journal);
	} else {
		kvp->answer = *refusal;
		keep(kvp);
	}
	publish(kvp);
}

/* Whether the times say that it is meant for now: nobody can say so of a clock that is wrong. */
static bool is_fresh(const struct kvp_requests *kvp, const struct kvp_request *request,
		     struct kvp_answer *refusal)
{
	int64_t end = request->issued + request->life;
	int64_t now = kvp->ops->now(kvp->outside);
	int64_t booted = kvp->ops->booted(kvp->outside);
	char issued_text[UTC_SIZE], now_text[UTC_SIZE], booted_text[UTC_SIZE];

	utc_format(issued_text, request->issued);
	utc_format(now_text, now);
	utc_format(booted_text, booted);
	if (kvp_journal_knows(&kvp->journal, request->id))
		kvp_refuse(refusal, request->id, KVP_E_EXISTS,
			   "A request with this id has come before; give each one an id of its "
			   "own.");
	else if (kvp_journal_may_know(&kvp->journal, end))
		kvp_refuse(refusal, request->id, KVP_E_EXISTS,
			   "The request is so old that it may have been carried out before; issue "
			   "a new one.");
	else if (request->boot[0] && strcasecmp(request->boot, kvp->boot) != 0)
		kvp_refuse(refusal, request->id, HV_LOGOFF_E_EXCEPTION,
			   "The request was for boot %s of the guest, and this is boot %s; nothing "
			   "was done in this one.",
			   request->boot, kvp->boot);
	else if (now > end)
		kvp_refuse(refusal, request->id, KVP_E_STALE,
			   "The request was issued at %s for %" PRIu32 " s, and in the guest it is "
			   "%s; issue a new one, or correct a clock.",
			   issued_text, request->life, now_text);
	else if (request->issued > now + SKEW_MAX)
		kvp_refuse(refusal, request->id, KVP_E_SKEW,
			   "The request was issued at %s, and in the guest it is only %s; correct "
			   "a clock.",
			   issued_text, now_text);
	else if (request->issued < booted)
		kvp_refuse(refusal, request->id, HV_LOGOFF_E_EXCEPTION,
			   "The request was issued at %s, before the guest was started at %s; "
			   "nothing was done in this boot.",
			   issued_text, booted_text);
	else
		return true;
	return false;
}

static void carry_out(struct kvp_requests *kvp, const struct kvp_request *request)
{
	kvp->answer = (struct kvp_answer){.state = HV_LOGOFF_DELIVERED};
	memcpy(kvp->answer.id, request->id, sizeof(request->id));
	kvp_answer_set_text(&kvp->answer, "The guest has the request.");
	publish(kvp);
	engine_request(kvp->engine, &transport, kvp, &request->logoff);
}

/* On the disk before anything is done: whatever happens then, it is never begun again. */
static bool note_begin(struct kvp_requests *kvp, const struct kvp_request *request,
		       struct kvp_answer *refusal)
{
	int r;

	memcpy(kvp->journal.begun, request->id, sizeof(request->id));
	r = kvp_journal_save(&kvp->journal);
	if (r >= 0)
		return true;
	kvp->journal.begun[0] = '\0';
	kvp_refuse(refusal, request->id, HV_LOGOFF_E_EXCEPTION,
		   "The guest cannot note in %s that it carries out the request: %s.",
		   kvp->journal.folder, strerror(-r));
	return false;
}

static bool is_free(const struct kvp_requests *kvp, const struct kvp_request *request,
		    struct kvp_answer *refusal)
{
	if (kvp->engine->phase == ENGINE_IDLE)
		return true;
	kvp_refuse(refusal, request->id, HV_LOGOFF_E_BUSY,
		   "The guest is carrying out another request; try again when that is over.");
	return false;
}

static void take_logoff(struct kvp_requests *kvp, const struct kvp_request *request)
{
	struct kvp_answer refusal;
	bool good = is_fresh(kvp, request, &refusal) && is_free(kvp, request, &refusal);

	kvp_journal_add(&kvp->journal, request->id, request->issued + request->life);
	if (good && note_begin(kvp, request, &refusal))
		carry_out(kvp, request);
	else
		decline(kvp, &refusal);
}

/* A request that was replaced by its cancellation before it was seen is one that never begins. */
static void take_cancel(struct kvp_requests *kvp, const struct kvp_request *request)
{
	struct kvp_answer refusal;

	if (is_fresh(kvp, request, &refusal))
		kvp_refuse(&refusal, request->id, HV_LOGOFF_E_CANCELLED,
			   "Cancelled before it was begun; nobody was logged off.");
	kvp_journal_add(&kvp->journal, request->id, request->issued + request->life);
	decline(kvp, &refusal);
}

/* The request that has the answer: it may be cancelled, and then forgotten. */
static void take_again(struct kvp_requests *kvp, const struct kvp_request *request)
{
	if (request->verb == KVP_CANCEL) {
		engine_cancel(kvp->engine, &transport, HV_LOGOFF_CANCEL_HOST);
	} else if (request->verb == KVP_FORGET && kvp->answer.state == HV_LOGOFF_DONE) {
		kvp->answer = (struct kvp_answer){0};
		keep(kvp);
		publish(kvp);
	}
}

void kvp_requests_take(struct kvp_requests *kvp, const char *value)
{
	struct kvp_answer refusal;
	struct kvp_request request;

	if (kvp_request_parse(&request, value, &refusal) < 0)
		decline(kvp, &refusal);
	else if (!strcmp(request.id, kvp->answer.id))
		take_again(kvp, &request);
	else if (request.verb == KVP_LOGOFF)
		take_logoff(kvp, &request);
	else if (request.verb == KVP_CANCEL)
		take_cancel(kvp, &request);
}

/* What has become of the sessions is not known. */
static void give_up(struct kvp_requests *kvp, const char *why)
{
	char id[KVP_ID_SIZE];

	memcpy(id, kvp->journal.begun, sizeof(id));
	kvp->journal.begun[0] = '\0';
	kvp_refuse(&kvp->answer, id, HV_LOGOFF_E_EXCEPTION, "%s", why);
	keep(kvp);
}

static void explain(const char *folder, int error)
{
	if (error == -EWOULDBLOCK)
		log_message(LOG_ERR, "Another hv-logoffd takes requests by KVP; stop that one "
				     "first.");
	else
		log_message(LOG_ERR,
			    "%s/" KVP_JOURNAL_NAME ", which says what requests by KVP were "
			    "carried out, cannot be used: %s. There is no way in by KVP "
			    "until that is mended, or the file is removed while no "
			    "request is under way.",
			    folder, error == -EBADMSG ? "it is damaged" : strerror(-error));
}

int kvp_requests_init(struct kvp_requests *kvp, const struct kvp_requests_ops *ops, void *outside,
		      struct engine *engine, const char *folder, const char *boot)
{
	int r;

	*kvp = (struct kvp_requests){.ops = ops, .outside = outside, .engine = engine};
	strncpy(kvp->boot, boot, sizeof(kvp->boot) - 1);
	r = kvp_journal_load(&kvp->journal, folder);
	if (r < 0) {
		explain(folder, r);
		return r;
	}
	kvp->answer = kvp->journal.answer;
	if (kvp->journal.begun[0])
		give_up(kvp,
			"hv-logoffd or the guest was restarted while it carried out the request; "
			"who is still logged on is not known.");
	publish(kvp);
	return 0;
}

bool kvp_requests_done(struct kvp_requests *kvp)
{
	if (running(kvp)) {
		engine_drop(kvp->engine);
		give_up(kvp, "hv-logoffd was stopped while it carried out the request.");
		publish(kvp);
	}
	kvp_journal_done(&kvp->journal);
	return kvp->answer.id[0];
}
