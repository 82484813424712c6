// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "userspace/shared/util.h"

#define BLANKS      " \t\r\n"
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"

static void set_text(void *target, size_t size, const char *value)
{
	snprintf(target, size, "%s", value);
}

static void set_number(void *target, size_t size, const char *value)
{
	(void)size;
	*(uint32_t *)target = (uint32_t)strtoul(value, NULL, 0);
}

static void set_time(void *target, size_t size, const char *value)
{
	struct tm utc = {0};

	(void)size;
	if (strptime(value, TIME_FORMAT, &utc))
		*(int64_t *)target = timegm(&utc);
}

#define MEMBER(name)                                                                               \
#name, offsetof(struct kvp_answer, name), sizeof(((struct kvp_answer *)NULL)->name)

static const struct word {
	const char *name;
	size_t offset, size;
	void (*set)(void *target, size_t size, const char *value);
} words[] = {
	{MEMBER(id), set_text},      {MEMBER(busy), set_text},      {MEMBER(boot), set_text},
	{MEMBER(state), set_text},   {MEMBER(percent), set_number}, {MEMBER(found), set_number},
	{MEMBER(ended), set_number}, {MEMBER(failed), set_number},  {MEMBER(result), set_number},
	{MEMBER(time), set_time},    {MEMBER(text), set_text},
};

/* Words that are not known are for somebody else. */
static void take_word(struct kvp_answer *answer, const char *name, size_t length, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].name) == length && strncmp(words[i].name, name, length) == 0)
			words[i].set((char *)answer + words[i].offset, words[i].size, value);
	}
}

bool vmg_kvp_parse(struct kvp_answer *answer, const char *value)
{
	static const char text[] = "text=";
	_cleanup_free_ char *copy = strdup(value);
	char *word = copy;
	bool known = false;

	*answer = (struct kvp_answer){0};
	while (word && *(word += strspn(word, BLANKS))) {
		bool is_rest = strncmp(word, text, strlen(text)) == 0;
		size_t length = is_rest ? strlen(word) : strcspn(word, BLANKS), name;
		char *next = word + length + (word[length] != '\0');

		word[length] = '\0';
		name = strcspn(word, "=");
		known = known || strcmp(word, "v=1") == 0;
		if (word[name])
			take_word(answer, word, name, word + name + 1);
		word = next;
	}
	known = known && *answer->state;
	if (!known)
		*answer = (struct kvp_answer){0};
	return known;
}

/* A word ends at the first blank. */
static bool is_word(const char *value)
{
	return !value || !strpbrk(value, BLANKS);
}

char *vmg_kvp_options(const VMLogoffOptions *options)
{
	char *text = NULL;
	size_t size;
	FILE *stream;

	errno = EINVAL;
	if (!is_word(options->user) || !is_word(options->session))
		return NULL;
	stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	fprintf(stream, " timeout=%" PRIu32 " grace=%" PRIu32, options->timeout, options->grace);
	if (options->flags & VM_LOGOFF_FORCE)
		fputs(" force=yes", stream);
	if (options->flags & VM_LOGOFF_DRY_RUN)
		fputs(" dry-run=yes", stream);
	if (options->user)
		fprintf(stream, " user=%s", options->user);
	if (options->session)
		fprintf(stream, " session=%s", options->session);
	if (options->message && *options->message)
		fprintf(stream, " message=%s", options->message);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

char *vmg_kvp_request(const char *verb, const char *id, int64_t issued, uint32_t life,
		      const char *boot, const char *options)
{
	time_t seconds = issued;
	char when[32], *text;
	struct tm utc;
	int length;

	gmtime_r(&seconds, &utc);
	strftime(when, sizeof(when), TIME_FORMAT, &utc);
	length = asprintf(&text, "v=1 id=%s issued=%s life=%" PRIu32 " do=%s%s%s%s", id, when, life,
			  verb, *boot ? " boot=" : "", boot, options);
	if (length < 0)
		return NULL;
	if (length <= KVP_VALUE_MAX)
		return text;
	free(text);
	errno = E2BIG;
	return NULL;
}
