// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVP: an input is used as a pool file, as a request's value, and as that of an item with outcomes
 * of sessions.
 */
#include <ctype.h>
#include <errno.h>

#include "folder.h"
#include "userspace/guest/transport/kvp_pool.h"
#include "userspace/shared/kvp_sessions.h"
#include "userspace/shared/kvp_value.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define RECORD (KVP_KEY_SIZE + KVP_VALUE_SIZE)

static void remove_folder(void)
{
	char path[128];

	path_of(path, ".kvp_pool_1");
	unlink(path);
	rmdir(folder);
}

static void must_be_file(const char *name, const void *bytes, size_t size)
{
	char *found = malloc(size + 1);
	char path[128];
	int fd;

	path_of(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(found && fd >= 0 && read(fd, found, size + 1) == (ssize_t)size);
	must(!size || !memcmp(found, bytes, size));
	close(fd);
	free(found);
}

/* Writing changes only our own record, and removing it restores a pool that did not have it. */
static void try_pool(const uint8_t *data, size_t size)
{
	struct kvp_pool pool = {.directory = folder, .number = KVP_POOL_GUEST};
	static const char name[] = ".kvp_pool_1";
	char value[KVP_VALUE_SIZE + 1];
	char *after = malloc(size + RECORD);
	int had;
	int r;

	must(after);
	write_file(name, data, size);
	had = kvp_pool_read(&pool, KVP_ANSWER_KEY, value);
	must(had == 0 || had == 1);
	r = kvp_pool_write(&pool, KVP_ANSWER_KEY, "mine");
	must(r == (had || size % RECORD == 0 ? 0 : -EBADMSG));
	if (r == 0) {
		must(kvp_pool_read(&pool, KVP_ANSWER_KEY, value) == 1);
		must(!strcmp(value, "mine"));
	}
	if (!had) {
		must(kvp_pool_remove(&pool, KVP_ANSWER_KEY) == 0);
		must_be_file(name, data, size);
	}
	for (size_t i = 0; had && i + RECORD <= size; i += RECORD) {
		if (memcmp(data + i, KVP_ANSWER_KEY, sizeof(KVP_ANSWER_KEY)) != 0)
			continue;
		memcpy(after, data, size);
		memset(after + i + KVP_KEY_SIZE, 0, KVP_VALUE_SIZE);
		memcpy(after + i + KVP_KEY_SIZE, "mine", sizeof("mine"));
		must_be_file(name, after, size);
		must(kvp_pool_remove(&pool, KVP_ANSWER_KEY) == 0);
		memmove(after + i, after + i + RECORD, size - i - RECORD);
		must_be_file(name, after, size - RECORD);
		break;
	}
	free(after);
}

static void must_be_id(const char *id)
{
	must(id[0] && strlen(id) < KVP_ID_SIZE && strcmp(id, "-") != 0);
	for (; *id; id++)
		must(isalnum((unsigned char)*id) || *id == '-');
}

static void must_be_answer(const struct kvp_answer *answer)
{
	static const char start[] = "v=1 id=";
	char value[KVP_TEXT_MAX + 1];

	kvp_answer_format(value, answer, "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10", 1795363200);
	must(!strncmp(value, start, strlen(start)));
	must(strlen(value) <= KVP_TEXT_MAX);
	must(strstr(value, " text="));
	for (const char *next = value; *next; next++)
		must(!iscntrl((unsigned char)*next));
}

/* A host that formats the request with the same version gets the same request. */
static void must_be_same_again(const struct kvp_request *request)
{
	char value[KVP_TEXT_MAX + 1];
	struct kvp_request again;
	struct kvp_answer refusal;

	if (kvp_request_format(value, request) < 0)
		return;
	must(kvp_request_parse(&again, value, &refusal) == 0);
	must(again.version == kvp_request_version(request));
	must(again.verb == request->verb && !strcmp(again.id, request->id));
	if (request->verb != KVP_LOGOFF)
		return;
	must(again.logoff.flags == request->logoff.flags);
	must(!strcmp(again.logoff.user, request->logoff.user));
	must(!strcmp(again.logoff.session, request->logoff.session));
	must(!strcmp(again.logoff.message, request->logoff.message));
}

/* The limits of docs/kvp.md. */
static void try_value(const uint8_t *data, size_t size)
{
	char *value = text_copy(data, size);
	struct kvp_request request;
	struct kvp_answer refusal;

	if (kvp_request_parse(&request, value, &refusal) < 0) {
		must(refusal.state == HV_LOGOFF_DONE && refusal.result && refusal.text[0]);
		if (strcmp(refusal.id, "-") != 0)
			must_be_id(refusal.id);
		must_be_answer(&refusal);
	} else {
		must(request.version == 1 || request.version == 2);
		must(strlen(value) <= KVP_TEXT_MAX);
		must(strstr(value, request.version == 1 ? "v=1" : "v=2"));
		must_be_id(request.id);
		must(!strcmp(request.id, request.logoff.id));
		must(request.verb == KVP_LOGOFF || request.verb == KVP_CANCEL ||
		     request.verb == KVP_FORGET);
		must(request.life >= 1 && request.life <= KVP_LIFE_MAX);
		must(request.logoff.timeout >= 1 &&
		     request.logoff.timeout <= HV_LOGOFF_TIMEOUT_MAX);
		must(request.logoff.grace < request.logoff.timeout);
		must(!(request.logoff.flags & ~(request.version == 1 ? 3U : 15U)));
		must(!request.logoff.user[0] || text_is_name(request.logoff.user));
		must(!request.logoff.session[0] || text_is_session(request.logoff.session));
		must_be_same_again(&request);
	}
	free(value);
}

struct outcomes {
	struct kvp_session items[KVP_TEXT_MAX];
	size_t count;
};

static void take_outcome(void *userdata, const struct kvp_session *session)
{
	struct outcomes *outcomes = userdata;

	must(outcomes->count < ARRAY_SIZE(outcomes->items));
	must(session->outcome >= HV_LOGOFF_ENDED && session->outcome <= HV_LOGOFF_UNTOLD);
	must(strlen(session->user) < sizeof(session->user) && text_is_utf8(session->user));
	must(!session->session[0] || text_is_session(session->session));
	for (const char *next = session->user; *next; next++)
		must(!iscntrl((unsigned char)*next));
	outcomes->items[outcomes->count++] = *session;
}

/* A guest that formats the outcomes again does not lose one, and its items have the same. */
static void must_be_same_outcomes(const struct outcomes *outcomes)
{
	struct outcomes again = {0};
	struct kvp_sessions sessions = {0};
	struct kvp_sessions_part part;

	for (size_t i = 0; i < outcomes->count; i++)
		kvp_sessions_add(&sessions, outcomes->items[i].outcome, outcomes->items[i].uid,
				 outcomes->items[i].user, outcomes->items[i].session);
	kvp_sessions_finish(&sessions, "a-1");
	must(sessions.omitted == 0 && sessions.count <= 3);
	for (unsigned int i = 0; i < sessions.count; i++) {
		must(strlen(sessions.values[i]) <= KVP_TEXT_MAX);
		must(!kvp_sessions_parse(&part, sessions.values[i], take_outcome, &again));
		must(part.part == i + 1 && part.parts == sessions.count && !part.omitted);
	}
	must(again.count == outcomes->count);
	for (size_t i = 0; i < again.count; i++) {
		must(again.items[i].outcome == outcomes->items[i].outcome);
		must(again.items[i].uid == outcomes->items[i].uid);
		must(!strcmp(again.items[i].user, outcomes->items[i].user));
		must(!strcmp(again.items[i].session, outcomes->items[i].session));
	}
}

static void try_sessions(const uint8_t *data, size_t size)
{
	char *value = text_copy(data, size);
	struct kvp_sessions_part part;
	struct outcomes outcomes = {0};

	if (kvp_sessions_parse(&part, value, take_outcome, &outcomes) < 0) {
		must(outcomes.count == 0);
	} else {
		must(strlen(value) <= KVP_TEXT_MAX && part.id[0]);
		must(strlen(part.id) < KVP_ID_SIZE);
		must(part.part >= 1 && part.part <= part.parts && part.parts <= KVP_SESSIONS_MAX);
		must_be_same_outcomes(&outcomes);
	}
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = exact_copy(data, size);

	make_folder(remove_folder);
	if (size < KVP_VALUE_SIZE)
		try_value(copy, size);
	try_sessions(copy, size);
	try_pool(copy, size);
	free(copy);
	return 0;
}
