// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_requests.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "userspace/guest/log.h"
#include "userspace/shared/utc.h"

/* The host's clock may be ahead of this machine's by this many seconds. */
#define SKEW_MAX 300

static void publish(struct kvp_requests *kvp)
{
	struct kvp_answer answer = kvp->answer;
	char value[KVP_TEXT_MAX + 1];

	answer.vsock = kvp->vsock;
	kvp_answer_format(value, &answer, kvp->boot, kvp->ops->now(kvp->userdata));
	kvp->ops->publish(kvp->userdata, value, kvp->answer.id, &kvp->sessions);
}

static struct journal_result to_journal(const struct kvp_answer *answer)
{
	struct journal_result result = {
		.percent = answer->percent,
		.found = answer->found,
		.ended = answer->ended,
		.failed = answer->failed,
		.result = answer->result,
		.users = answer->users,
	};

	memcpy(result.id, answer->id, sizeof(answer->id));
	memcpy(result.text, answer->text, sizeof(answer->text));
	return result;
}

static struct kvp_answer from_journal(const struct journal_result *result)
{
	struct kvp_answer answer = {
		.state = result->id[0] ? HV_LOGOFF_DONE : HV_LOGOFF_PENDING,
		.percent = result->percent,
		.found = result->found,
		.ended = result->ended,
		.failed = result->failed,
		.result = result->result,
		.users = result->users,
	};

	memcpy(answer.id, result->id, sizeof(answer.id) - 1);
	memcpy(answer.text, result->text, sizeof(answer.text) - 1);
	return answer;
}

static void set_answer(struct kvp_requests *kvp, const struct kvp_answer *answer)
{
	kvp->answer = *answer;
	kvp->sessions = (struct kvp_sessions){0};
}

/* Saves the answer, so that it is published again after a restart. */
static int save_answer(struct kvp_requests *kvp)
{
	int r;

	kvp->journal.answer = to_journal(&kvp->answer);
	r = journal_save(&kvp->journal);
	if (r < 0)
		log_message(LOG_ERR, "Cannot write %s/" KVP_JOURNAL_NAME ": %s.",
			    kvp->journal.directory, strerror(-r));
	return r;
}

static int handle_report(void *userdata, const struct hv_logoff_report *report)
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
		kvp_sessions_finish(&kvp->sessions, answer->id);
		answer->session_items = kvp->sessions.count;
		kvp->journal.begun[0] = '\0';
		save_answer(kvp);
	}
	publish(kvp);
	return 0;
}

static void count_user(struct kvp_users *users, const struct outcome *outcome)
{
	switch (outcome->outcome) {
	case HV_LOGOFF_MANAGER_ENDED:
	case HV_LOGOFF_MANAGER_SELECTED:
		users->managers++;
		break;
	case HV_LOGOFF_MANAGER_FAILED:
		users->managers_left++;
		break;
	case HV_LOGOFF_RETURNED:
		users->returned++;
		break;
	case HV_LOGOFF_LINGERING:
		users->lingering++;
		break;
	case HV_LOGOFF_OUTSIDE:
		users->outside++;
		break;
	case HV_LOGOFF_UNTOLD:
		users->untold++;
		break;
	default:
		break;
	}
}

/* The answer only has the number of users with each outcome. The rest is in items of its own. */
static void handle_outcome(void *userdata, const struct outcome *outcome)
{
	struct kvp_requests *kvp = userdata;

	count_user(&kvp->answer.users, outcome);
	kvp_sessions_add(&kvp->sessions, outcome->outcome, outcome->uid, outcome->user,
			 outcome->session);
}

static const struct logoff_transport transport = {
	.name = "kvp",
	.report = handle_report,
	.outcome = handle_outcome,
};

static bool is_running(const struct kvp_requests *kvp)
{
	return engine_serves(kvp->engine, &transport);
}

/* Answers a request that is never carried out. */
static void decline(struct kvp_requests *kvp, const struct kvp_answer *refusal)
{
	log_message(LOG_WARNING, "Logoff request %s by KVP was refused (0x%08" PRIx32 "): %s",
		    refusal->id, refusal->result, refusal->text);
	if (is_running(kvp)) {
		/* The answer is that of the request in progress. It only adds the refused id. */
		if (strcmp(refusal->id, "-") != 0 && strcmp(refusal->id, kvp->answer.id) != 0)
			memcpy(kvp->answer.busy, refusal->id, sizeof(refusal->id));
		journal_save(&kvp->journal);
	} else {
		set_answer(kvp, refusal);
		save_answer(kvp);
	}
	publish(kvp);
}

/* Whether the request may be carried out now, according to its id, its times and its boot. */
static bool is_fresh(const struct kvp_requests *kvp, const struct kvp_request *request,
		     struct kvp_answer *refusal)
{
	int64_t end = request->issued + request->life;
	int64_t now = kvp->ops->now(kvp->userdata);
	int64_t booted = kvp->ops->booted(kvp->userdata);
	char issued_text[UTC_SIZE], now_text[UTC_SIZE], booted_text[UTC_SIZE];

	utc_format(issued_text, request->issued);
	utc_format(now_text, now);
	utc_format(booted_text, booted);
	if (journal_find(&kvp->journal, request->id))
		kvp_refuse(refusal, request->id, KVP_E_EXISTS,
			   "A request with this id was received before; use a new id for each "
			   "request.");
	else if (journal_may_know(&kvp->journal, end))
		kvp_refuse(refusal, request->id, KVP_E_EXISTS,
			   "The request is so old that it may have been received before; issue "
			   "a new one.");
	else if (request->boot[0] && strcasecmp(request->boot, kvp->boot) != 0)
		kvp_refuse(refusal, request->id, HV_LOGOFF_E_EXCEPTION,
			   "The request is for boot %s of the guest, but this is boot %s; nothing "
			   "was done in this boot.",
			   request->boot, kvp->boot);
	else if (now > end)
		kvp_refuse(refusal, request->id, KVP_E_STALE,
			   "The request was issued at %s for %" PRIu32 " s, but the guest's clock "
			   "is at %s; issue a new request, or correct a clock.",
			   issued_text, request->life, now_text);
	else if (request->issued > now + SKEW_MAX)
		kvp_refuse(refusal, request->id, KVP_E_SKEW,
			   "The request was issued at %s, but the guest's clock is only at %s; "
			   "correct a clock.",
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
	set_answer(kvp, &(struct kvp_answer){.state = HV_LOGOFF_DELIVERED});
	memcpy(kvp->answer.id, request->id, sizeof(request->id));
	kvp_answer_set_text(&kvp->answer, "The guest has the request.");
	publish(kvp);
	engine_request(kvp->engine, &transport, kvp, &request->logoff);
}

/* Writes the request to disk before it is carried out, so that it is never started again. */
static bool record_start(struct kvp_requests *kvp, const struct kvp_request *request,
			 struct kvp_answer *refusal)
{
	int r;

	memcpy(kvp->journal.begun, request->id, sizeof(request->id));
	r = journal_save(&kvp->journal);
	if (r >= 0)
		return true;
	kvp->journal.begun[0] = '\0';
	kvp_refuse(refusal, request->id, HV_LOGOFF_E_EXCEPTION,
		   "The guest cannot record the request in %s: %s.", kvp->journal.directory,
		   strerror(-r));
	return false;
}

static bool is_free(const struct kvp_requests *kvp, const struct kvp_request *request,
		    struct kvp_answer *refusal)
{
	if (kvp->engine->phase == ENGINE_IDLE)
		return true;
	kvp_refuse(refusal, request->id, HV_LOGOFF_E_BUSY,
		   "The guest is carrying out another request; try again when it has completed.");
	return false;
}

static void handle_logoff(struct kvp_requests *kvp, const struct kvp_request *request)
{
	struct kvp_answer refusal;
	bool good = is_fresh(kvp, request, &refusal) && is_free(kvp, request, &refusal);

	journal_add(&kvp->journal, request->id, request->issued + request->life);
	if (good && record_start(kvp, request, &refusal))
		carry_out(kvp, request);
	else
		decline(kvp, &refusal);
}

/* The cancellation replaced the request before it was read: the request is never carried out. */
static void handle_cancel(struct kvp_requests *kvp, const struct kvp_request *request)
{
	struct kvp_answer refusal;

	if (is_fresh(kvp, request, &refusal))
		kvp_refuse(&refusal, request->id, HV_LOGOFF_E_CANCELLED,
			   "Cancelled before it was started; nobody was logged off.");
	journal_add(&kvp->journal, request->id, request->issued + request->life);
	decline(kvp, &refusal);
}

/* The request that the answer belongs to: it may be cancelled, and acknowledged later. */
static void handle_current(struct kvp_requests *kvp, const struct kvp_request *request)
{
	if (request->verb == KVP_CANCEL) {
		engine_cancel(kvp->engine, &transport, HV_LOGOFF_CANCEL_HOST);
	} else if (request->verb == KVP_FORGET && kvp->answer.state == HV_LOGOFF_DONE) {
		set_answer(kvp, &(struct kvp_answer){0});
		save_answer(kvp);
		publish(kvp);
	}
}

void kvp_requests_handle(struct kvp_requests *kvp, const char *value)
{
	struct kvp_answer refusal;
	struct kvp_request request;

	if (kvp_request_parse(&request, value, &refusal) < 0)
		decline(kvp, &refusal);
	else if (!strcmp(request.id, kvp->answer.id))
		handle_current(kvp, &request);
	else if (request.verb == KVP_LOGOFF)
		handle_logoff(kvp, &request);
	else if (request.verb == KVP_CANCEL)
		handle_cancel(kvp, &request);
}

/* The outcome of the sessions is unknown. */
static void give_up(struct kvp_requests *kvp, const char *reason)
{
	char id[LOGOFF_ID_SIZE];

	memcpy(id, kvp->journal.begun, sizeof(id));
	kvp->journal.begun[0] = '\0';
	kvp_refuse(&kvp->answer, id, HV_LOGOFF_E_EXCEPTION, "%s", reason);
	save_answer(kvp);
}

static void explain(const char *directory, int error)
{
	if (error == -EWOULDBLOCK)
		log_message(LOG_ERR, "Another hv-logoffd accepts requests by KVP; stop it first.");
	else
		log_message(LOG_ERR,
			    "Cannot use %s/" KVP_JOURNAL_NAME ", which lists the received requests "
			    "by KVP: %s. No requests by KVP are accepted until it is repaired, or "
			    "removed while no request is in progress.",
			    directory, journal_explain(error));
}

int kvp_requests_init(struct kvp_requests *kvp, const struct kvp_requests_ops *ops, void *userdata,
		      struct engine *engine, const char *directory, const char *boot,
		      uint32_t vsock)
{
	int r;

	*kvp = (struct kvp_requests){
		.ops = ops,
		.userdata = userdata,
		.engine = engine,
		.vsock = vsock,
	};
	strncpy(kvp->boot, boot, sizeof(kvp->boot) - 1);
	r = journal_load(&kvp->journal, directory, KVP_JOURNAL_NAME, NULL);
	if (r < 0) {
		explain(directory, r);
		return r;
	}
	kvp->answer = from_journal(&kvp->journal.answer);
	if (kvp->journal.begun[0])
		give_up(kvp,
			"hv-logoffd or the guest was restarted while it carried out the request; "
			"it is not known who is still logged on.");
	publish(kvp);
	return 0;
}

bool kvp_requests_done(struct kvp_requests *kvp)
{
	if (is_running(kvp)) {
		engine_drop(kvp->engine);
		give_up(kvp, "hv-logoffd was stopped while it carried out the request.");
		publish(kvp);
	}
	journal_done(&kvp->journal);
	return kvp->answer.id[0];
}
