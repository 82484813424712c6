// SPDX-License-Identifier: GPL-2.0-or-later
#include "show.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "status.h"
#include "suggest.h"
#include "system.h"
#include "userspace/shared/names.h"
#include "userspace/shared/utc.h"
#include "userspace/shared/util.h"

#define BAR_WIDTH      30
#define NAME_WIDTH_MAX 24

void show_init(struct show *show, enum show_format format, struct machines *machines)
{
	*show = (struct show){.format = format, .machines = machines};
	pthread_mutex_init(&show->lock, NULL);
}

static struct show *lock(struct show *show)
{
	pthread_mutex_lock(&show->lock);
	return show;
}

static int name_width(const struct show *show)
{
	size_t width = 0;

	for (size_t i = 0; i < show->machines->count; i++)
		width = MAX(width, strlen(show->machines->list[i].name));
	return (int)MIN(width, NAME_WIDTH_MAX);
}

/* Removes the bars, for lines that remain. */
static void clear_bars(struct show *show)
{
	if (show->bars)
		printf("\033[%zuA\r\033[J", show->bars);
	show->bars = 0;
	fflush(stdout);
}

/* Bars do not wrap, so that each is one line, and do not fill the last line of the terminal. */
static void draw_bars(struct show *show)
{
	static const char full[] = "##############################";
	size_t most = system_rows() - 1;
	int width = name_width(show);

	for (size_t i = 0; i < show->machines->count && show->bars < most; i++) {
		const struct machine *machine = &show->machines->list[i];

		if (!machine->line)
			continue;
		printf("\033[?7l%-*s [%-*.*s] %s\033[?7h\n", width, machine->name, BAR_WIDTH,
		       machine->percent * BAR_WIDTH / 100, full, machine->line);
		show->bars++;
	}
}

/* Unlocks after the bars are there again, and everything is written. */
static void unlock(struct show *const *show)
{
	if ((*show)->format == SHOW_BAR)
		draw_bars(*show);
	fflush(stdout);
	pthread_mutex_unlock(&(*show)->lock);
}

/* Until the end of the scope, lines can be written: no other thread writes, and no bars follow. */
#define SCOPED_LINES(show)                                                                         \
	_cleanup_(unlock) struct show *const locked = lock(show);                                  \
	clear_bars(locked)

struct snapshot {
	uint64_t id;
	uint32_t via;
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
	VMGuestOS_TaskTransport((IVMTask *)task, &snapshot.via);
	IVMTask2_get_State(task, &snapshot.state);
	IVMTask2_get_PercentCompleted(task, &snapshot.percent);
	IVMTask2_get_Sessions(task, &snapshot.found, &snapshot.ended, &snapshot.failed);
	IVMTask2_get_StatusText(task, &snapshot.text);
	return snapshot;
}

/* Adds @machine, unless it is NULL, to @json. Steals the reference to it. */
static void print_json(const struct machine *machine, json_t *json)
{
	json_auto_t *stolen = json;
	_cleanup_free_ char *line = NULL;

	if (machine)
		json_object_set_new(json, "machine", json_string(machine->name));
	if (machine && machine->guid && *machine->guid)
		json_object_set_new(json, "guid", json_string(machine->guid));
	line = json_dumps(json, JSON_COMPACT);
	if (line)
		puts(line);
}

/* As --via has it. */
static const char *via_name(uint32_t via)
{
	switch (via) {
	case VM_LOGOFF_VIA_VMBUS:
		return "vmbus";
	case VM_LOGOFF_VIA_VSOCK:
		return "vsock";
	default:
		return "kvp";
	}
}

static json_t *snapshot_to_json(const char *event, const struct snapshot *snapshot)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:i, s:I, s:I, s:I, s:s}", "event", event, "id",
			 json_sprintf("0x%016" PRIx64, snapshot->id), "via",
			 via_name(snapshot->via), "state", state_names[snapshot->state], "percent",
			 (int)snapshot->percent, "found", (json_int_t)snapshot->found, "ended",
			 (json_int_t)snapshot->ended, "failed", (json_int_t)snapshot->failed,
			 "text", snapshot->text ? snapshot->text : "");
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

static bool has_changed(struct machine *machine, char **line)
{
	if (machine->line && strcmp(machine->line, *line) == 0)
		return false;
	free(machine->line);
	machine->line = *line;
	*line = NULL;
	return true;
}

void show_note(struct show *show, const char *format, ...)
{
	va_list arguments;
	SCOPED_LINES(show);

	fputs("vmlogoff: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void show_progress(struct show *show, struct machine *machine, IVMTask2 *task)
{
	_cleanup_(snapshot_done) struct snapshot snapshot = snapshot_of(task);
	_cleanup_free_ char *line = snapshot_to_line(&snapshot);
	SCOPED_LINES(show);

	if (!line || !has_changed(machine, &line))
		return;
	machine->percent = (int)snapshot.percent;
	if (show->format == SHOW_JSON)
		print_json(machine, snapshot_to_json("progress", &snapshot));
	else if (show->format == SHOW_LINES)
		printf("%s: %s\n", machine->name, machine->line);
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

static json_t *result_to_json(HRESULT hr, const char *text)
{
	return json_pack("{s:s, s:I, s:s, s:s}", "event", "result", "hresult",
			 (json_int_t)(uint32_t)hr, "name", VMGuestOS_ErrorName(hr), "text", text);
}

static void end_json(const struct machine *machine, const char *text, IVMTask2 *task)
{
	_cleanup_(snapshot_done) struct snapshot snapshot = {0};
	json_t *json;

	if (task)
		snapshot = snapshot_of(task);
	/* A success has no text of its own. */
	json = result_to_json(machine->result, !*text && snapshot.text ? snapshot.text : text);
	if (task) {
		json_object_update_missing_new(json, snapshot_to_json("result", &snapshot));
		json_object_set_new(json, "sessions", sessions_to_json(task));
	}
	print_json(machine, json);
}

static void print_success(const struct machine *machine, IVMTask2 *task)
{
	_cleanup_(snapshot_done) struct snapshot snapshot = snapshot_of(task);

	/* The guest's text also names users, which is all there is by KVP if the guest is old. */
	if (snapshot.text && *snapshot.text)
		printf("%s: %s\n", machine->name, snapshot.text);
	else
		printf("%s: %" PRIu32 " of %" PRIu32 " sessions ended.\n", machine->name,
		       snapshot.ended, snapshot.found);
}

static void print_failure(const struct machine *machine, const char *text)
{
	fprintf(stderr, "vmlogoff: %s: %s [0x%08" PRIx32 " %s]\n", machine->name, text,
		(uint32_t)machine->result, VMGuestOS_ErrorName(machine->result));
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
		[vmSessionOutcome_Untold] = "could not be notified",
	};
	_cleanup_free_ VMSessionResult *results = NULL;
	uint32_t count = 0;

	IVMTask2_get_SessionResults(task, &results, &count);
	for (uint32_t i = 0; i < count; i++)
		printf("  %s%s%s%s (%" PRIu32 "): %s\n", *results[i].session ? "session " : "",
		       results[i].session, *results[i].session ? " of " : "", results[i].user,
		       results[i].uid, outcomes[results[i].outcome]);
}

/* Why a machine was not found or is not available. */
static const char *reason_of(const struct machine *machine)
{
	return machine->reason && *machine->reason ? machine->reason
						   : VMGuestOS_ErrorText(machine->result);
}

/* The machine has no bar any more. */
static void end_progress(struct machine *machine)
{
	free(machine->line);
	machine->line = NULL;
}

void show_end(struct show *show, struct machine *machine, const char *text, IVMTask2 *task)
{
	SCOPED_LINES(show);

	end_progress(machine);
	if (show->format == SHOW_JSON) {
		end_json(machine, text, task);
		return;
	}
	if (task && machine->result == S_OK)
		print_success(machine, task);
	else
		print_failure(machine, text);
	if (task)
		print_sessions(task);
}

void show_failure(struct show *show, struct machine *machine, const char *text)
{
	show_end(show, machine, *text ? text : reason_of(machine), NULL);
	if (machine->result == VM_E_VM_UNKNOWN)
		suggest(show, machine->name);
}

void show_started(struct show *show, struct machine *machine, IVMTask2 *task)
{
	_cleanup_(snapshot_done) struct snapshot snapshot = snapshot_of(task);
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON)
		print_json(machine, snapshot_to_json("started", &snapshot));
	else
		printf("%s: logoff 0x%016" PRIx64 " started.\n", machine->name, snapshot.id);
}

void show_cancelled(struct show *show, struct machine *machine)
{
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON)
		print_json(machine, result_to_json(S_OK, "The cancellation was accepted."));
	else
		printf("%s: the cancellation was accepted.\n", machine->name);
}

void show_skipped(struct show *show, struct machine *machine)
{
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON) {
		json_t *json = result_to_json(machine->result, reason_of(machine));

		json_object_set_new(json, "event", json_string("skipped"));
		print_json(machine, json);
	} else {
		fprintf(stderr, "vmlogoff: %s is skipped: %s\n", machine->name, reason_of(machine));
	}
}

static size_t count_results(const struct machines *machines, bool (*is_one)(HRESULT hr))
{
	size_t count = 0;

	for (size_t i = 0; i < machines->count; i++)
		count += is_one(machines->list[i].result);
	return count;
}

static bool is_failure(HRESULT hr)
{
	return hr != S_OK && !status_is_nothing(hr);
}

void show_summary(struct show *show, const char *done, const char *nothing)
{
	const struct machines *machines = show->machines;
	size_t without = count_results(machines, status_is_nothing);
	size_t failed = count_results(machines, is_failure);
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON)
		return;
	printf("%zu machines: %zu %s, %zu %s, %zu failed%s", machines->count,
	       machines->count - without - failed, done, without, nothing, failed,
	       failed ? ":" : ".");
	for (size_t i = 0; i < machines->count; i++) {
		if (is_failure(machines->list[i].result))
			printf(" %s", machines->list[i].name);
	}
	putchar('\n');
}

static void event_json(const struct machine *machine, const char *when, const VMLogoffEvent *event)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "event", "logoff", "time",
				 when, "type", kind_names[event->type], "user", event->user,
				 "session", event->session, "uid", (json_int_t)event->uid, "lost",
				 (json_int_t)event->lost);

	if (event->task)
		json_object_set_new(json, "id", json_sprintf("0x%016" PRIx64, event->task));
	print_json(machine, json);
}

static void event_line(const struct machine *machine, const char *when, const VMLogoffEvent *event)
{
	static const char *const types[] = {
		[vmLogoffType_Normal] = "left",
		[vmLogoffType_Forced] = "was logged off in the guest",
		[vmLogoffType_External] = "was logged off by the host",
	};

	if (event->lost)
		fprintf(stderr, "vmlogoff: %s: %" PRIu32 " events before this one were lost.\n",
			machine->name, event->lost);
	printf("%s %s: %s (%" PRIu32 ") %s, session %s", when, machine->name, event->user,
	       event->uid, types[event->type], event->session);
	if (event->task)
		printf(", request 0x%016" PRIx64, event->task);
	putchar('\n');
}

void show_event(struct show *show, const struct machine *machine, const VMLogoffEvent *event)
{
	char when[UTC_SIZE];
	SCOPED_LINES(show);

	utc_format(when, time(NULL));
	if (show->format == SHOW_JSON)
		event_json(machine, when, event);
	else
		event_line(machine, when, event);
}

void show_reporting(struct show *show, const struct machine *machine, bool reports)
{
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON)
		print_json(machine,
			   json_pack("{s:s, s:b}", "event", "reporting", "reports", (int)reports));
	else if (reports)
		fprintf(stderr, "vmlogoff: %s: the guest reports sessions that end.\n",
			machine->name);
	else
		fprintf(stderr,
			"vmlogoff: %s: the guest does not report sessions; check that it runs "
			"hv-logoffd 1.1 or newer.\n",
			machine->name);
}

void show_machine(struct show *show, const struct machine *machine)
{
	HRESULT hr = machine->result;
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON)
		print_json(machine,
			   json_pack("{s:s, s:I, s:s}", "event", "machine", "hresult",
				     (json_int_t)(uint32_t)hr, "name", VMGuestOS_ErrorName(hr)));
	else
		printf("%-24s %s\n", machine->name,
		       hr == S_OK ? "Its users can be logged off." : reason_of(machine));
}

void show_registration(struct show *show, bool registered)
{
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON)
		print_json(NULL, json_pack("{s:s, s:b}", "event", "registration", "registered",
					   (int)registered));
	else
		puts(registered
			     ? "Hyper-V permits sockets of hv-logoff to guests on this host."
			     : "Hyper-V does not permit sockets of hv-logoff to guests any more.");
}

void show_refusal(struct show *show, HRESULT hr, const char *text)
{
	SCOPED_LINES(show);

	if (show->format == SHOW_JSON) {
		json_t *json = result_to_json(hr, text);

		json_object_set_new(json, "event", json_string("refused"));
		print_json(NULL, json);
	} else {
		fprintf(stderr, "vmlogoff: %s\n", text);
	}
}
