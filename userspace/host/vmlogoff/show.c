// SPDX-License-Identifier: GPL-2.0-or-later
#include "show.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "userspace/shared/names.h"
#include "userspace/shared/utc.h"
#include "userspace/shared/util.h"

#define BAR_WIDTH 30

struct standing {
	uint64_t id;
	VMLogoffState state;
	int32_t percent;
	uint32_t found, ended, failed;
	char *text;
};

static void standing_done(const struct standing *standing)
{
	free(standing->text);
}

static struct standing standing_of(IVMTask2 *task)
{
	struct standing standing = {0};

	IVMTask2_get_ID(task, &standing.id);
	IVMTask2_get_State(task, &standing.state);
	IVMTask2_get_PercentCompleted(task, &standing.percent);
	IVMTask2_get_Sessions(task, &standing.found, &standing.ended, &standing.failed);
	IVMTask2_get_StatusText(task, &standing.text);
	return standing;
}

/* Takes @json. */
static void print_json(json_t *json)
{
	json_auto_t *taken = json;
	_cleanup_free_ char *line = json_dumps(json, JSON_COMPACT);

	if (line)
		puts(line);
	fflush(stdout);
}

static json_t *standing_to_json(const char *event, const struct standing *standing)
{
	return json_pack("{s:s, s:o, s:s, s:i, s:I, s:I, s:I, s:s}", "event", event, "id",
			 json_sprintf("0x%016" PRIx64, standing->id), "state",
			 state_names[standing->state], "percent", (int)standing->percent, "found",
			 (json_int_t)standing->found, "ended", (json_int_t)standing->ended,
			 "failed", (json_int_t)standing->failed, "text",
			 standing->text ? standing->text : "");
}

static char *standing_to_line(const struct standing *standing)
{
	char given_up[32] = "", *line;
	const char *text = standing->text ? standing->text : "";

	if (standing->failed)
		snprintf(given_up, sizeof(given_up), ", %" PRIu32 " given up", standing->failed);
	if (asprintf(&line, "%3" PRId32 "%% %s, %" PRIu32 " of %" PRIu32 " ended%s%s%s",
		     standing->percent, state_names[standing->state], standing->ended,
		     standing->found, given_up, *text ? ": " : "", text) < 0)
		return NULL;
	return line;
}

static void draw(const struct standing *standing, const char *line)
{
	static const char full[] = "##############################";

	printf("\r\033[K[%-*.*s] %s", BAR_WIDTH, (int)standing->percent * BAR_WIDTH / 100, full,
	       line);
	fflush(stdout);
}

static bool is_news(struct show *show, char **line)
{
	if (show->last && strcmp(show->last, *line) == 0)
		return false;
	free(show->last);
	show->last = *line;
	*line = NULL;
	return true;
}

void show_done(struct show *show)
{
	free(show->last);
}

void show_progress(struct show *show, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = standing_of(task);
	_cleanup_free_ char *line = standing_to_line(&standing);

	if (!line || !is_news(show, &line))
		return;
	if (show->how == SHOW_JSON)
		print_json(standing_to_json("progress", &standing));
	else if (show->how == SHOW_BAR)
		draw(&standing, show->last);
	else
		puts(show->last);
	fflush(stdout);
}

void show_break(const struct show *show)
{
	if (show->how == SHOW_BAR)
		fputs("\r\033[K", stdout);
	fflush(stdout);
}

static json_t *sessions_to_json(IVMTask2 *task)
{
	_cleanup_free_ VMSessionResult *results = NULL;
	json_t *array = json_array();
	uint32_t count = 0;

	IVMTask2_get_SessionResults(task, &results, &count);
	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:I, s:s}", "session",
						       results[i].session, "user", results[i].user,
						       "uid", (json_int_t)results[i].uid, "outcome",
						       outcome_names[results[i].outcome]));
	return array;
}

static void end_json(const struct show *show, HRESULT hr, const char *text, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = {0};
	json_t *json;

	if (task)
		standing = standing_of(task);
	json = task ? standing_to_json("result", &standing) : json_pack("{s:s}", "event", "result");
	if (task)
		json_object_set_new(json, "sessions", sessions_to_json(task));
	json_object_set_new(json, "machine", json_string(show->machine));
	json_object_set_new(json, "hresult", json_integer((uint32_t)hr));
	json_object_set_new(json, "name", json_string(VMGuestOS_ErrorName(hr)));
	json_object_set_new(json, "text", json_string(text));
	print_json(json);
}

static void print_success(const struct show *show, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = standing_of(task);

	/* Where something was to be ended and nothing was, and that is right, it was a dry run. */
	if (standing.ended == 0)
		printf("%s: %" PRIu32 " %s would be ended.\n", show->machine, standing.found,
		       standing.found == 1 ? "session" : "sessions");
	else
		printf("%s: %" PRIu32 " of %" PRIu32 " sessions ended.\n", show->machine,
		       standing.ended, standing.found);
}

static void print_sessions(IVMTask2 *task)
{
	static const char *const outcomes[] = {
		[vmSessionOutcome_Ended] = "ended",
		[vmSessionOutcome_Failed] = "given up",
		[vmSessionOutcome_Selected] = "would be ended",
	};
	_cleanup_free_ VMSessionResult *results = NULL;
	uint32_t count = 0;

	IVMTask2_get_SessionResults(task, &results, &count);
	for (uint32_t i = 0; i < count; i++)
		printf("  session %s of %s (%" PRIu32 "): %s\n", results[i].session,
		       results[i].user, results[i].uid, outcomes[results[i].outcome]);
}

void show_end(const struct show *show, HRESULT hr, const char *text, IVMTask2 *task)
{
	show_break(show);
	if (show->how == SHOW_JSON) {
		end_json(show, hr, text, task);
		return;
	}
	if (task && hr == S_OK)
		print_success(show, task);
	else
		fprintf(stderr, "vmlogoff: %s: %s [0x%08" PRIx32 " %s]\n", show->machine, text,
			(uint32_t)hr, VMGuestOS_ErrorName(hr));
	if (task)
		print_sessions(task);
}

void show_started(const struct show *show, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = standing_of(task);
	json_t *json;

	if (show->how != SHOW_JSON) {
		printf("%s: the logoff 0x%016" PRIx64 " has been started.\n", show->machine,
		       standing.id);
		return;
	}
	json = standing_to_json("started", &standing);
	json_object_set_new(json, "machine", json_string(show->machine));
	print_json(json);
}

static void event_json(const struct show *show, const char *when, const VMLogoffEvent *event)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "event", "logoff", "machine",
			  show->machine, "time", when, "type", kind_names[event->type], "user",
			  event->user, "session", event->session, "uid", (json_int_t)event->uid,
			  "lost", (json_int_t)event->lost);

	if (event->task)
		json_object_set_new(json, "id", json_sprintf("0x%016" PRIx64, event->task));
	print_json(json);
}

static void event_line(const struct show *show, const char *when, const VMLogoffEvent *event)
{
	static const char *const types[] = {
		[vmLogoffType_Normal] = "left",
		[vmLogoffType_Forced] = "was logged off in the guest",
		[vmLogoffType_External] = "was logged off by the host",
	};

	if (event->lost)
		fprintf(stderr, "vmlogoff: %s: %" PRIu32 " events before this one are lost.\n",
			show->machine, event->lost);
	printf("%s %s: %s (%" PRIu32 ") %s, session %s", when, show->machine, event->user,
	       event->uid, types[event->type], event->session);
	if (event->task)
		printf(", request 0x%016" PRIx64, event->task);
	putchar('\n');
	fflush(stdout);
}

void show_event(const struct show *show, const VMLogoffEvent *event)
{
	char when[UTC_SIZE];

	utc_format(when, time(NULL));
	if (show->how == SHOW_JSON)
		event_json(show, when, event);
	else
		event_line(show, when, event);
}

void show_reporting(const struct show *show, bool reports)
{
	if (show->how == SHOW_JSON)
		print_json(json_pack("{s:s, s:s, s:b}", "event", "reporting", "machine",
				     show->machine, "reports", (int)reports));
	else if (reports)
		fprintf(stderr, "vmlogoff: %s: the guest reports who is logged off.\n",
			show->machine);
	else
		fprintf(stderr,
			"vmlogoff: %s: the guest doesn't report who is logged off: does its "
			"hv-logoffd run, and is it 1.1 or newer?\n",
			show->machine);
}

void show_machine(enum show_how how, const char *machine, HRESULT hr)
{
	if (how == SHOW_JSON)
		print_json(json_pack("{s:s, s:I, s:s}", "machine", machine, "hresult",
				     (json_int_t)(uint32_t)hr, "name", VMGuestOS_ErrorName(hr)));
	else
		printf("%-24s %s\n", machine,
		       hr == S_OK ? "Its users can be logged off." : VMGuestOS_ErrorText(hr));
}
