// SPDX-License-Identifier: GPL-2.0-or-later
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "userspace/shared/text.h"

/* Twice logind's default SessionsMax=, so that a guest cannot exhaust the host's memory. */
#define SESSIONS_MAX 16384

static void result_done(const VMSessionResult *result)
{
	free((char *)result->session);
	free((char *)result->user);
}

void vmg_sessions_free(struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->count; i++)
		result_done(&sessions->results[i]);
	free(sessions->results);
}

static bool result_init(VMSessionResult *result, const VMSessionResult *outcome)
{
	*result = *outcome;
	result->session = text_clean_line_dup(outcome->session);
	result->user = text_clean_line_dup(outcome->user);
	return result->session && result->user;
}

static bool is_about_manager(const VMSessionResult *result)
{
	return result->outcome >= vmSessionOutcome_ManagerEnded &&
	       result->outcome <= vmSessionOutcome_ManagerSelected;
}

/* Whether one replaces the other: both are about the same session, or the same of a user. */
static bool is_same(const VMSessionResult *one, const VMSessionResult *other)
{
	if (*one->session || *other->session)
		return strcmp(one->session, other->session) == 0;
	return one->uid == other->uid && (one->outcome == other->outcome ||
					  (is_about_manager(one) && is_about_manager(other)));
}

static VMSessionResult *find(struct sessions *sessions, const VMSessionResult *result)
{
	for (size_t i = 0; i < sessions->count; i++) {
		if (is_same(&sessions->results[i], result))
			return &sessions->results[i];
	}
	return NULL;
}

static bool reserve(struct sessions *sessions)
{
	size_t capacity = sessions->capacity ? 2 * sessions->capacity : 16;
	VMSessionResult *results;

	if (sessions->count < sessions->capacity)
		return true;
	if (capacity > SESSIONS_MAX)
		return false;
	results = realloc(sessions->results, capacity * sizeof(*results));
	if (!results)
		return false;
	sessions->results = results;
	sessions->capacity = capacity;
	return true;
}

void vmg_sessions_add(struct sessions *sessions, const VMSessionResult *outcome)
{
	VMSessionResult result, *known = NULL;

	if (result_init(&result, outcome)) {
		known = find(sessions, &result);
		if (!known && reserve(sessions)) {
			known = &sessions->results[sessions->count++];
			*known = (VMSessionResult){0};
		}
	}
	if (known) {
		result_done(known);
		*known = result;
	} else {
		result_done(&result);
	}
}

/* Copies @text to *@next and advances that. */
static const char *append(char **next, const char *text)
{
	size_t size = strlen(text) + 1;
	const char *copy = memcpy(*next, text, size);

	*next += size;
	return copy;
}

HRESULT vmg_sessions_copy(const struct sessions *sessions, VMSessionResult **out, uint32_t *count)
{
	const VMSessionResult *results = sessions->results;
	size_t size = (sessions->count + 1) * sizeof(*results);
	VMSessionResult *copy;
	char *next;

	for (size_t i = 0; i < sessions->count; i++)
		size += strlen(results[i].session) + strlen(results[i].user) + 2;
	copy = malloc(size);
	if (!copy)
		return E_OUTOFMEMORY;
	next = (char *)(copy + sessions->count);
	for (size_t i = 0; i < sessions->count; i++) {
		copy[i] = results[i];
		copy[i].session = append(&next, results[i].session);
		copy[i].user = append(&next, results[i].user);
	}
	*out = copy;
	*count = (uint32_t)sessions->count;
	return S_OK;
}
