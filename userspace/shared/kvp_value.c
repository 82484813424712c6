// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text.h"
#include "userspace/guest/transport/kvp_pool.h"
#include "util.h"

#define BLANKS          " \t\r\n"
#define VERSION         "1"
#define TIMEOUT_DEFAULT 60

static bool set_number(uint32_t *target, const char *value, uint32_t min, uint32_t max)
{
	unsigned long number;
	char *end;

	if (!isdigit((unsigned char)value[0]) || strlen(value) > 5)
		return false;
	number = strtoul(value, &end, 10);
	*target = number;
	return !*end && number >= min && number <= max;
}

static bool set_string(char *target, size_t size, const char *value)
{
	size_t length = strlen(value);

	if (length == 0 || length >= size)
		return false;
	memcpy(target, value, length + 1);
	return true;
}

static bool set_name(char target[KVP_ID_SIZE], const char *value)
{
	for (const char *next = value; *next; next++)
		if (!isalnum((unsigned char)*next) && *next != '-')
			return false;
	return set_string(target, KVP_ID_SIZE, value) && strcmp(value, "-") != 0;
}

static bool set_flag(uint32_t *flags, uint32_t flag, const char *value)
{
	if (!strcmp(value, "yes"))
		*flags |= flag;
	return !strcmp(value, "yes") || !strcmp(value, "no");
}

static bool set_version(struct kvp_request *request, const char *value)
{
	(void)request;
	return !strcmp(value, VERSION);
}

static bool set_id(struct kvp_request *request, const char *value)
{
	return set_name(request->id, value);
}

/* Back to text and compared, or the 31st of February would be a day. */
static bool set_issued(struct kvp_request *request, const char *value)
{
	char again[KVP_TIME_SIZE];
	struct tm time = {0};

	if (sscanf(value, "%4d-%2d-%2dT%2d:%2d:%2dZ", &time.tm_year, &time.tm_mon, &time.tm_mday,
		   &time.tm_hour, &time.tm_min, &time.tm_sec) != 6)
		return false;
	time.tm_year -= 1900;
	time.tm_mon--;
	request->issued = timegm(&time);
	kvp_time_format(again, request->issued);
	return !strcmp(again, value);
}

static bool set_life(struct kvp_request *request, const char *value)
{
	return set_number(&request->life, value, 1, KVP_LIFE_MAX);
}

static bool set_do(struct kvp_request *request, const char *value)
{
	static const char *const verbs[] = {
		[KVP_LOGOFF] = "logoff",
		[KVP_CANCEL] = "cancel",
		[KVP_FORGET] = "forget",
	};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(value, verbs[i]) != 0)
			continue;
		request->verb = i;
		return true;
	}
	return false;
}

static bool set_timeout(struct kvp_request *request, const char *value)
{
	return set_number(&request->logoff.timeout, value, 1, HV_LOGOFF_TIMEOUT_MAX);
}

static bool set_grace(struct kvp_request *request, const char *value)
{
	return set_number(&request->logoff.grace, value, 0, HV_LOGOFF_TIMEOUT_MAX - 1);
}

static bool set_force(struct kvp_request *request, const char *value)
{
	return set_flag(&request->logoff.flags, HV_LOGOFF_FORCE, value);
}

static bool set_dry_run(struct kvp_request *request, const char *value)
{
	return set_flag(&request->logoff.flags, HV_LOGOFF_DRY_RUN, value);
}

static bool set_user(struct kvp_request *request, const char *value)
{
	return set_string(request->logoff.user, sizeof(request->logoff.user), value);
}

static bool set_session(struct kvp_request *request, const char *value)
{
	return set_string(request->logoff.session, sizeof(request->logoff.session), value);
}

static bool set_boot(struct kvp_request *request, const char *value)
{
	return set_name(request->boot, value);
}

/* The rest of the value, blanks and all. */
static bool set_message(struct kvp_request *request, const char *value)
{
	return !value[0] ||
	       set_string(request->logoff.message, sizeof(request->logoff.message), value);
}

static const struct word {
	const char *name;
	bool (*set)(struct kvp_request *request, const char *value);
	bool required;
	const char *rule;
} words[] = {
	{"v", set_version, true, "v is 1"},
	{"id", set_id, true, "id is 1 to 36 letters, digits and hyphens"},
	{"issued", set_issued, true, "issued is a time in UTC, such as 2026-11-22T16:00:00Z"},
	{"life", set_life, true, "life is 1 to 86400 seconds"},
	{"do", set_do, true, "do is logoff, cancel or forget"},
	{"timeout", set_timeout, false, "timeout is 1 to 86400 seconds"},
	{"grace", set_grace, false, "grace is 0 to 86399 seconds"},
	{"force", set_force, false, "force is yes or no"},
	{"dry-run", set_dry_run, false, "dry-run is yes or no"},
	{"user", set_user, false, "user is a user's name, at most 255 bytes"},
	{"session", set_session, false, "session is one of logind's, at most 63 bytes"},
	{"boot", set_boot, false, "boot is 1 to 36 letters, digits and hyphens"},
	{"message", set_message, false, "message takes the rest"},
};

struct parser {
	struct kvp_request *request;
	struct kvp_answer *refusal;
	unsigned int seen; /* bit n: words[n] was there */
};

void kvp_answer_set_text(struct kvp_answer *answer, const char *text)
{
	text_clean(answer->text, sizeof(answer->text), text, strlen(text));
	for (char *next = answer->text; *next; next++)
		if (strchr(BLANKS, *next))
			*next = ' ';
}

void kvp_refuse(struct kvp_answer *answer, const char *id, uint32_t result, const char *format, ...)
{
	char text[2 * KVP_TEXT_MAX];
	va_list arguments;

	*answer = (struct kvp_answer){.state = HV_LOGOFF_DONE, .result = result};
	strncpy(answer->id, id[0] ? id : "-", sizeof(answer->id) - 1);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	kvp_answer_set_text(answer, text);
}

__attribute__((format(printf, 3, 4))) static int refuse(struct parser *parser, uint32_t result,
							const char *format, ...)
{
	char text[2 * KVP_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	kvp_refuse(parser->refusal, parser->request->id, result, "%s", text);
	return -EINVAL;
}

static const struct word *find_word(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].name) == length && !strncmp(words[i].name, name, length))
			return &words[i];
	return NULL;
}

/* The next word of *@text, ended by a NUL; NULL at the end. A message is all of the rest. */
static char *next_word(char **text)
{
	static const char message[] = "message=";
	char *word = *text + strspn(*text, BLANKS);
	size_t length = strcspn(word, BLANKS);

	if (!strncmp(word, message, strlen(message)))
		length = strlen(word);
	*text = word + length;
	if (**text)
		*(*text)++ = '\0';
	return word[0] ? word : NULL;
}

/*
 * What the refusal of a value needs that is wrong in any other way: the version, as to which all
 * else may have another meaning, and the id, as to which the host knows the answer.
 */
static int parse_essentials(struct parser *parser, const char *value)
{
	char copy[KVP_VALUE_SIZE + 1] = "";
	char version[16] = "";
	char *next = copy;

	strncpy(copy, value, sizeof(copy) - 1);
	for (char *word = next_word(&next); word; word = next_word(&next)) {
		if (!strncmp(word, "id=", 3) && !set_id(parser->request, word + 3))
			parser->request->id[0] = '\0';
		if (!strncmp(word, "v=", 2))
			snprintf(version, sizeof(version), "%s", word + 2);
	}
	if (version[0] && strcmp(version, VERSION) != 0)
		return refuse(parser, KVP_E_REVISION,
			      "The request has version %s of the format; this guest's hv-logoff "
			      "knows version " VERSION ".",
			      version);
	if (strlen(value) > KVP_TEXT_MAX)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request is longer than %d bytes; shorten its message.",
			      KVP_TEXT_MAX);
	return 0;
}

static int parse_word(struct parser *parser, char *word)
{
	const struct word *known = find_word(word, strcspn(word, "="));
	char *value = strchr(word, '=');

	if (!value)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "\"%s\" in the request is not a word such as timeout=60.", word);
	*value++ = '\0';
	if (!known)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request has a word %s=, which version " VERSION
			      " of the format does not know.",
			      word);
	if (parser->seen & 1U << (known - words))
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request has two words %s=; leave one of them out.", word);
	parser->seen |= 1U << (known - words);
	if (known->set(parser->request, value))
		return 0;
	return refuse(parser, HV_LOGOFF_E_INVALIDARG, "%s=%s in the request is wrong: %s.", word,
		      value, known->rule);
}

static int check_whole(struct parser *parser)
{
	const struct logoff_request *logoff = &parser->request->logoff;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].required && !(parser->seen & 1U << i))
			return refuse(parser, HV_LOGOFF_E_INVALIDARG, "The request lacks %s=: %s.",
				      words[i].name, words[i].rule);
	if (logoff->grace >= logoff->timeout)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request's grace (%" PRIu32 " s) must be less than its timeout "
			      "(%" PRIu32 " s).",
			      logoff->grace, logoff->timeout);
	return 0;
}

int kvp_request_parse(struct kvp_request *request, const char *value, struct kvp_answer *refusal)
{
	struct parser parser = {.request = request, .refusal = refusal};
	char copy[KVP_TEXT_MAX + 1] = "";
	char *next = copy;
	int r;

	*request = (struct kvp_request){.logoff.timeout = TIMEOUT_DEFAULT};
	r = parse_essentials(&parser, value);
	if (r < 0)
		return r;
	strncpy(copy, value, sizeof(copy) - 1);
	for (char *word = next_word(&next); word && r >= 0; word = next_word(&next))
		r = parse_word(&parser, word);
	if (r >= 0)
		r = check_whole(&parser);
	if (r >= 0)
		memcpy(request->logoff.id, request->id, sizeof(request->id));
	return r;
}

void kvp_time_format(char text[KVP_TIME_SIZE], int64_t time)
{
	time_t seconds = time;
	struct tm parts;

	text[0] = '\0';
	if (gmtime_r(&seconds, &parts))
		strftime(text, KVP_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static const char *state_name(uint32_t state)
{
	switch (state) {
	case HV_LOGOFF_GRACE:
		return "grace";
	case HV_LOGOFF_ENDING:
		return "ending";
	case HV_LOGOFF_DONE:
		return "done";
	default:
		return "delivered";
	}
}

void kvp_answer_format(char value[KVP_TEXT_MAX + 1], const struct kvp_answer *answer,
		       const char *boot, int64_t time)
{
	char written[KVP_TIME_SIZE];
	char result[32] = "";
	char busy[KVP_ID_SIZE + 8] = "";

	kvp_time_format(written, time);
	if (!answer->id[0]) {
		snprintf(value, KVP_TEXT_MAX + 1, "v=" VERSION " state=idle boot=%s time=%s", boot,
			 written);
		return;
	}
	if (answer->state == HV_LOGOFF_DONE)
		snprintf(result, sizeof(result), " result=0x%08" PRIx32, answer->result);
	if (answer->busy[0])
		snprintf(busy, sizeof(busy), " busy=%s", answer->busy);
	snprintf(value, KVP_TEXT_MAX + 1,
		 "v=" VERSION " id=%s state=%s percent=%" PRIu32 " found=%" PRIu32 " ended=%" PRIu32
		 " failed=%" PRIu32 "%s%s boot=%s time=%s text=%s",
		 answer->id, state_name(answer->state), answer->percent, answer->found,
		 answer->ended, answer->failed, result, busy, boot, written, answer->text);
}
