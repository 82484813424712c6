// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define PERCENT_GRACE  10
#define PERCENT_ENDING 99

static void audit(const struct engine *engine, const struct session *session, const char *outcome,
		  const char *detail)
{
	engine->ops->audit(engine->userdata, engine->request.id, session, outcome, detail);
}

/*
 * The grace period accounts for 0 to PERCENT_GRACE, the ended sessions for the rest. The percentage
 * never decreases. If the daemon was stopped at the end of the grace period, this may run before
 * engine_tick().
 */
static uint32_t percent(const struct engine *engine, struct target_counts counts)
{
	uint64_t value = 0;

	if (engine->phase == ENGINE_GRACE)
		value = PERCENT_GRACE *
			(earlier(engine->ops->now(engine->userdata), engine->grace_end) -
			 engine->started) /
			(engine->grace_end - engine->started);
	else if (engine->phase == ENGINE_ENDING && counts.found > 0)
		value = PERCENT_GRACE +
			(uint64_t)(PERCENT_ENDING - PERCENT_GRACE) * counts.ended / counts.found;
	return value > engine->last.percent ? value : engine->last.percent;
}

__attribute__((format(printf, 3, 4))) static void
send_report(struct engine *engine, struct hv_logoff_report *report, const char *format, ...)
{
	char text[2 * HV_LOGOFF_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report->header = (struct hv_logoff_header){
		.type = HV_LOGOFF_REPORT,
		.size = sizeof(*report),
	};
	text_clean_line(report->text, sizeof(report->text), text);
	engine->last = *report;
	if (engine->transport->report(engine->transport_data, report) == -ESTALE)
		engine_drop(engine);
	else
		engine->ops->changed(engine->userdata);
}

static void report_outcome(const struct engine *engine, const struct outcome *outcome)
{
	if (engine->transport->outcome)
		engine->transport->outcome(engine->transport_data, outcome);
}

static void report_session(const struct engine *engine, const struct session *session,
			   enum hv_logoff_outcome value)
{
	const struct outcome outcome = outcome_of(session, value);

	report_outcome(engine, &outcome);
}

static void report_sessions_left(const struct engine *engine)
{
	for (size_t i = 0; i < engine->targets.count; i++) {
		const struct target *target = &engine->targets.items[i];

		if (target->step == TARGET_ENDED)
			continue;
		audit(engine, &target->session, "failed", "has not ended");
		report_session(engine, &target->session, HV_LOGOFF_FAILED);
	}
}

static void report_selected(const struct engine *engine)
{
	for (size_t i = 0; i < engine->targets.count; i++)
		report_session(engine, &engine->targets.items[i].session, HV_LOGOFF_SELECTED);
}

/* A session that ended by itself is not an outcome of the request. */
static void report_sessions_ended(const struct engine *engine)
{
	for (size_t i = 0; i < engine->targets.count; i++) {
		const struct target *target = &engine->targets.items[i];

		if (target->begun && target->step == TARGET_ENDED)
			report_session(engine, &target->session, HV_LOGOFF_ENDED);
	}
}

static void report_user(void *userdata, const struct outcome *outcome)
{
	const struct engine *engine = userdata;
	bool dry_run = engine->request.flags & HV_LOGOFF_DRY_RUN;

	/* Before, no manager is stopped. */
	if (outcome->outcome == HV_LOGOFF_MANAGER_FAILED && engine->phase != ENGINE_ENDING)
		return;
	if (!dry_run)
		engine->ops->audit_user(engine->userdata, engine->request.id, outcome);
	report_outcome(engine, outcome);
}

void report_result(struct engine *engine, const struct result *result)
{
	struct target_counts counts = targets_count(&engine->targets);
	struct hv_logoff_report done = {
		.state = HV_LOGOFF_DONE,
		.percent = result->code == HV_LOGOFF_S_OK ? 100 : percent(engine, counts),
		.found = counts.found,
		.ended = counts.ended,
		.failed = engine->phase == ENGINE_ENDING ? counts.found - counts.ended : 0,
		.result = result->code,
	};
	char outcome[16];

	if (done.failed > 0)
		report_sessions_left(engine);
	if (engine->request.flags & HV_LOGOFF_DRY_RUN && result->code == HV_LOGOFF_S_OK)
		report_selected(engine);
	result_for_each_user(engine, report_user, engine);
	report_sessions_ended(engine);
	snprintf(outcome, sizeof(outcome), "0x%08" PRIx32, result->code);
	audit(engine, NULL, outcome, result->text);
	send_report(engine, &done, "%s", result->text);
	engine_drop(engine);
}

void report_progress(struct engine *engine)
{
	const struct steps_context context = engine_steps_context(engine);
	struct target_counts counts = targets_count(&engine->targets);
	struct hv_logoff_report progress = {
		.state = engine->phase == ENGINE_GRACE ? HV_LOGOFF_GRACE : HV_LOGOFF_ENDING,
		.percent = percent(engine, counts),
		.found = counts.found,
		.ended = counts.ended,
	};

	if (progress.state == engine->last.state && progress.percent == engine->last.percent &&
	    progress.found == engine->last.found)
		return;
	if (engine->phase == ENGINE_GRACE)
		send_report(engine, &progress,
			    "Waiting for the users; %u of %u sessions have ended.", counts.ended,
			    counts.found);
	else if (counts.found == 0)
		send_report(engine, &progress, "Waiting for programs of users without a session.");
	else if (counts.ended == counts.found && managers_are_left(&engine->managers, &context))
		send_report(engine, &progress,
			    "%u of %u sessions have ended; waiting for programs of their users.",
			    counts.ended, counts.found);
	else
		send_report(engine, &progress, "%u of %u sessions have ended.", counts.ended,
			    counts.found);
}

uint64_t report_next(const struct engine *engine)
{
	uint64_t now = engine->ops->now(engine->userdata);
	uint64_t grace = engine->grace_end - engine->started;
	uint64_t part = (now - engine->started) * PERCENT_GRACE / grace + 1;

	/* Rounded up, so that the percentage has increased at that time. */
	return engine->started + (part * grace + PERCENT_GRACE - 1) / PERCENT_GRACE;
}
