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

struct snapshot {
	uint64_t id;
	VMLogoffState state;
	int32_t percent;
	uint32_t found, ended, failed;
	char *text;
};

static void snapshot_done(const struct snapshot *snapshot)
{
	free(snapshot->text);
}

static struct snapshot snapshot_of(IVMTask2 *task)
{
	struct snapshot snapshot = {0};

	IVMTask2_get_ID(task, &snapshot.id);
	IVMTask2_get_State(task, &snapshot.state);
	IVMTask2_get_PercentCompleted(task, &snapshot.percent);
	IVMTask2_get_Sessions(task, &snapshot.found, &snapshot.ended, &snapshot.failed);
	IVMTask2_get_StatusText(task, &snapshot.text);
	return snapshot;
}

/* Adds the machine to @json. Steals the reference to it. */
static void print_json(const struct show *show, json_t *json)
{
	json_auto_t *stolen = json;
	_cleanup_free_ char *line = NULL;

	json_object_set_new(json, "machine", json_string(show->machine));
	if (show->guid && *show->guid)
		json_object_set_new(json, "guid", json_string(show->guid));
	line = json_dumps(json, JSON_COMPACT);
	if (line)
		puts(line);
	fflush(stdout);
}

static json_t *snapshot_to_json(const char *event, const struct snapshot *snapshot)
{
	return json_pack("{s:s, s:o, s:s, s:i, s:I, s:I, s:I, s:s}", "event", event, "id",
			 json_sprintf("0x%016" PRIx64, snapshot->id), "state",
			 state_names[snapshot->state], "percent", (int)snapshot->percent, "found",
			 (json_int_t)snapshot->found, "ended", (json_int_t)snapshot->ended,
			 "failed", (json_int_t)snapshot->failed, "text",
			 snapshot->text ? snapshot->text : "");
}

static char *snapshot_to_line(const struct snapshot *snapshot)
{
	char given_up[32] = "", *line;
	const char *text = snapshot->text ? snapshot->text : "";

	if (snapshot->failed)
		snprintf(given_up, sizeof(given_up), ", %" PRIu32 " given up", snapshot->failed);
	if (asprintf(&line, "%3" PRId32 "%% %s, %" PRIu32 " of %" PRIu32 " ended%s%s%s",
		     snapshot->percent, state_names[snapshot->state], snapshot->ended,
		     snapshot->found, given_up, *text ? ": " : "", text) < 0)
		return NULL;
	return line;
}

static void draw(const struct snapshot *snapshot, const char *line)
{
	static const char full[] = "##############################";

	printf("\r\033[K[%-*.*s] %s", BAR_WIDTH, (int)snapshot->percent * BAR_WIDTH / 100, full,
	       line);
	fflush(stdout);
}

static bool has_changed(struct show *show, char **line)
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
	free(show->name);
	free(show->guid);
}

void show_progress(struct show *show, IVMTask2 *task)
{
	_cleanup_(snapshot_done) struct snapshot snapshot = snapshot_of(task);
	_cleanup_free_ char *line = snapshot_to_line(&snapshot);

	if (!line || !has_changed(show, &line))
		return;
	if (show->format == SHOW_JSON)
		print_json(show, snapshot_to_json("progress", &snapshot));
	else if (show->format == SHOW_BAR)
		draw(&snapshot, show->last);
	else
		puts(show->last);
	fflush(stdout);
}

void show_clear(const struct show *show)
{
	if (show->format == SHOW_BAR)
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
	_cleanup_(snapshot_done) struct snapshot snapshot = {0};
	json_t *json;

	if (task)
		snapshot = snapshot_of(task);
	json = task ? snapshot_to_json("result", &snapshot) : json_pack("{s:s}", "event", "result");
	if (task)
		json_object_set_new(json, "sessions", sessions_to_json(task));
	json_object_set_new(json, "hresult", json_integer((uint32_t)hr));
	json_object_set_new(json, "name", json_string(VMGuestOS_ErrorName(hr)));
	json_object_set_new(json, "text", json_string(text));
	print_json(show, json);
}

static void print_success(const struct show *show, IVMTask2 *task)
{
	_cleanup_(snapshot_done) struct snapshot snapshot = snapshot_of(task);

	/* The guest's text also names users, which by KVP is nowhere else. */
	if (snapshot.text && *snapshot.text)
		printf("%s: %s\n", show->machine, snapshot.text);
	else
		printf("%s: %" PRIu32 " of %" PRIu32 " sessions ended.\n", show->machine,
		       snapshot.ended, snapshot.found);
}

static void print_sessions(IVMTask2 *task)
{
	static const char *const outcomes[] = {
		[vmSessionOutcome_Ended] = "ended",
		[vmSessionOutcome_Failed] = "given up",
		[vmSessionOutcome_Selected] = "would be ended",
		[vmSessionOutcome_ManagerEnded] = "programs ended",
		[vmSessionOutcome_ManagerFailed] = "programs given up",
		[vmSessionOutcome_ManagerSelected] = "programs would be ended",
		[vmSessionOutcome_Returned] = "logged on again",
		[vmSessionOutcome_Lingering] = "lingers, programs still run",
		[vmSessionOutcome_Outside] = "processes outside any session still run",
	};
	_cleanup_free_ VMSessionResult *results = NULL;
	uint32_t count = 0;

	IVMTask2_get_SessionResults(task, &results, &count);
	for (uint32_t i = 0; i < count; i++)
		printf("  %s%s%s%s (%" PRIu32 "): %s\n", *results[i].session ? "session " : "",
		       results[i].session, *results[i].session ? " of " : "", results[i].user,
		       results[i].uid, outcomes[results[i].outcome]);
}

void show_end(const struct show *show, HRESULT hr, const char *text, IVMTask2 *task)
{
	show_clear(show);
	if (show->format == SHOW_JSON) {
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
	_cleanup_(snapshot_done) struct snapshot snapshot = snapshot_of(task);

	if (show->format == SHOW_JSON)
		print_json(show, snapshot_to_json("started", &snapshot));
	else
		printf("%s: logoff 0x%016" PRIx64 " started.\n", show->machine, snapshot.id);
}

static void event_json(const struct show *show, const char *when, const VMLogoffEvent *event)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "event", "logoff", "time",
				 when, "type", kind_names[event->type], "user", event->user,
				 "session", event->session, "uid", (json_int_t)event->uid, "lost",
				 (json_int_t)event->lost);

	if (event->task)
		json_object_set_new(json, "id", json_sprintf("0x%016" PRIx64, event->task));
	print_json(show, json);
}

static void event_line(const struct show *show, const char *when, const VMLogoffEvent *event)
{
	static const char *const types[] = {
		[vmLogoffType_Normal] = "left",
		[vmLogoffType_Forced] = "was logged off in the guest",
		[vmLogoffType_External] = "was logged off by the host",
	};

	if (event->lost)
		fprintf(stderr, "vmlogoff: %s: %" PRIu32 " events before this one were lost.\n",
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
	if (show->format == SHOW_JSON)
		event_json(show, when, event);
	else
		event_line(show, when, event);
}

void show_reporting(const struct show *show, bool reports)
{
	if (show->format == SHOW_JSON)
		print_json(show,
			   json_pack("{s:s, s:b}", "event", "reporting", "reports", (int)reports));
	else if (reports)
		fprintf(stderr, "vmlogoff: %s: the guest reports sessions that end.\n",
			show->machine);
	else
		fprintf(stderr,
			"vmlogoff: %s: the guest does not report sessions; check that it runs "
			"hv-logoffd 1.1 or newer.\n",
			show->machine);
}

void show_machine(const struct show *show, HRESULT hr)
{
	if (show->format == SHOW_JSON)
		print_json(show,
			   json_pack("{s:s, s:I, s:s}", "event", "machine", "hresult",
				     (json_int_t)(uint32_t)hr, "name", VMGuestOS_ErrorName(hr)));
	else
		printf("%-24s %s\n", show->machine,
		       hr == S_OK ? "Its users can be logged off." : VMGuestOS_ErrorText(hr));
}
