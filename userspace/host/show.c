// SPDX-License-Identifier: GPL-2.0-or-later
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

#define BAR_WIDTH 30

static const char *const states[] = {
	[vmLogoffState_Pending] = "pending", [vmLogoffState_Delivered] = "delivered",
	[vmLogoffState_Grace] = "grace",     [vmLogoffState_Ending] = "ending",
	[vmLogoffState_Done] = "done",
};

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
	_cleanup_json_ json_t *taken = json;
	_cleanup_free_ char *line = json_dumps(json, JSON_COMPACT);

	if (line)
		puts(line);
	fflush(stdout);
}

static json_t *standing_to_json(const char *event, const struct standing *standing)
{
	return json_pack("{s:s, s:o, s:s, s:i, s:I, s:I, s:I, s:s}", "event", event, "id",
			 json_sprintf("0x%016" PRIx64, standing->id), "state",
			 states[standing->state], "percent", (int)standing->percent, "found",
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
		     standing->percent, states[standing->state], standing->ended, standing->found,
		     given_up, *text ? ": " : "", text) < 0)
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

void show_progress(enum show_how how, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = standing_of(task);
	_cleanup_free_ char *line = standing_to_line(&standing);

	if (how == SHOW_JSON)
		print_json(standing_to_json("progress", &standing));
	else if (line && how == SHOW_BAR)
		draw(&standing, line);
	else if (line)
		puts(line);
	fflush(stdout);
}

void show_break(enum show_how how)
{
	if (how == SHOW_BAR)
		fputs("\r\033[K", stdout);
	fflush(stdout);
}

static void end_json(const char *machine, HRESULT hr, const char *text, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = {0};
	json_t *json;

	if (task)
		standing = standing_of(task);
	json = task ? standing_to_json("result", &standing) : json_pack("{s:s}", "event", "result");
	json_object_set_new(json, "machine", json_string(machine));
	json_object_set_new(json, "hresult", json_integer((uint32_t)hr));
	json_object_set_new(json, "name", json_string(VMGuestOS_ErrorName(hr)));
	json_object_set_new(json, "text", json_string(text));
	print_json(json);
}

void show_end(enum show_how how, const char *machine, HRESULT hr, const char *text, IVMTask2 *task)
{
	show_break(how);
	if (how == SHOW_JSON) {
		end_json(machine, hr, text, task);
		return;
	}
	if (task && hr == S_OK) {
		_cleanup_(standing_done) struct standing standing = standing_of(task);

		printf("%s: %" PRIu32 " of %" PRIu32 " sessions ended.\n", machine, standing.ended,
		       standing.found);
		return;
	}
	fprintf(stderr, "vmlogoff: %s: %s [0x%08" PRIx32 " %s]\n", machine, text, (uint32_t)hr,
		VMGuestOS_ErrorName(hr));
}

void show_started(enum show_how how, const char *machine, IVMTask2 *task)
{
	_cleanup_(standing_done) struct standing standing = standing_of(task);
	json_t *json;

	if (how != SHOW_JSON) {
		printf("%s: the logoff 0x%016" PRIx64 " has been started.\n", machine, standing.id);
		return;
	}
	json = standing_to_json("started", &standing);
	json_object_set_new(json, "machine", json_string(machine));
	print_json(json);
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
