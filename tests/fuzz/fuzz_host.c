// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's data in libvmguestos: its answer by KVP, and the results of its sessions. */
#include "fuzz.h"
#include "userspace/host/libvmguestos/json.h"
#include "userspace/host/libvmguestos/sessions.h"
#include "userspace/shared/kvp_value.h"

static void must_be_text(const char *text, size_t size)
{
	must(strnlen(text, size) < size);
}

static void must_be_answer(const struct kvp_answer *answer, const char *boot, int64_t time,
			   bool good)
{
	must_be_text(answer->id, sizeof(answer->id));
	must_be_text(answer->busy, sizeof(answer->busy));
	must_be_text(boot, KVP_ID_SIZE);
	must(answer->state <= HV_LOGOFF_DONE);
	must_be_text(answer->text, sizeof(answer->text));
	must(good || (!*answer->id && !*answer->busy && !answer->state && !*boot && !time));
	must(good == (answer->accepts > 0));
}

static void must_be_clean(const char *text)
{
	for (; *text; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void must_be_results(const VMSessionResult *results, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		must_be_clean(results[i].session);
		must_be_clean(results[i].user);
		must(results[i].outcome >= vmSessionOutcome_Ended &&
		     results[i].outcome <= vmSessionOutcome_Untold);
		for (uint32_t j = 0; j < i; j++)
			must(strcmp(results[i].session, results[j].session) != 0 ||
			     (!*results[i].session && (results[i].uid != results[j].uid ||
						       results[i].outcome != results[j].outcome)));
	}
}

/* One JSON object per line, as the host sends them. */
static void take_lines(struct sessions *sessions, const char *text, size_t size)
{
	while (size > 0) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;
		json_t *event = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
		VMSessionResult outcome;

		if (vmg_json_session(&outcome, event))
			vmg_sessions_add(sessions, &outcome);
		json_decref(event);
		length += end != NULL;
		text += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sessions sessions = {0};
	struct kvp_answer answer;
	VMSessionResult *results;
	char boot[KVP_ID_SIZE];
	int64_t time;
	uint32_t count;
	char *text = text_copy(data, size);
	bool good;

	good = kvp_answer_parse(&answer, boot, &time, text) == 0;
	must_be_answer(&answer, boot, time, good);

	take_lines(&sessions, text, size);
	must(vmg_sessions_copy(&sessions, &results, &count) == S_OK);
	must(count == sessions.count);
	vmg_sessions_free(&sessions);
	must_be_results(results, count);
	free(results);
	free(text);
	return 0;
}
