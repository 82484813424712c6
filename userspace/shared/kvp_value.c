// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/hyperv.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "text.h"
#include "utc.h"
#include "util.h"

#define BLANKS          " \t\r\n"
#define VERSION         "1"
#define TIMEOUT_DEFAULT 60

static const char *const verb_names[] = {
	[KVP_LOGOFF] = "logoff",
	[KVP_CANCEL] = "cancel",
	[KVP_FORGET] = "forget",
};

/*
 * Returns the next field, "name=value", of *@text and ends it with a NUL; NULL at the end. The
 * value of the field @last, given with its "=", extends to the end of the text.
 */
static char *next_field(char **text, const char *last)
{
	char *field = *text + strspn(*text, BLANKS);
	size_t length = strcspn(field, BLANKS);

	if (!strncmp(field, last, strlen(last)))
		length = strlen(field);
	*text = field + length;
	if (**text)
		*(*text)++ = '\0';
	return field[0] ? field : NULL;
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

static bool set_issued(struct kvp_request *request, const char *value)
{
	return utc_parse(&request->issued, value);
}

static bool set_life(struct kvp_request *request, const char *value)
{
	return text_to_number(&request->life, value, 1, KVP_LIFE_MAX);
}

static bool set_do(struct kvp_request *request, const char *value)
{
	size_t verb = 0;
	bool known = NAME_FIND(verb_names, value, &verb);

	request->verb = verb;
	return known;
}

static bool set_timeout(struct kvp_request *request, const char *value)
{
	return text_to_number(&request->logoff.timeout, value, 1, HV_LOGOFF_TIMEOUT_MAX);
}

static bool set_grace(struct kvp_request *request, const char *value)
{
	return text_to_number(&request->logoff.grace, value, 0, HV_LOGOFF_TIMEOUT_MAX - 1);
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
	return text_is_name(value) &&
	       set_string(request->logoff.user, sizeof(request->logoff.user), value);
}

static bool set_session(struct kvp_request *request, const char *value)
{
	return text_is_session(value) &&
	       set_string(request->logoff.session, sizeof(request->logoff.session), value);
}

static bool set_boot(struct kvp_request *request, const char *value)
{
	return set_name(request->boot, value);
}

static bool set_message(struct kvp_request *request, const char *value)
{
	return !value[0] ||
	       set_string(request->logoff.message, sizeof(request->logoff.message), value);
}

static const struct request_field {
	const char *name;
	bool (*set)(struct kvp_request *request, const char *value);
	bool required;
	const char *rule;
} request_fields[] = {
	{"v", set_version, true, "v is 1"},
	{"id", set_id, true, "id is 1 to 36 letters, digits and hyphens"},
	{"issued", set_issued, true, "issued is a time in UTC, such as 2026-11-22T16:00:00Z"},
	{"life", set_life, true, "life is 1 to 86400 seconds"},
	{"do", set_do, true, "do is logoff, cancel or forget"},
	{"timeout", set_timeout, false, "timeout is 1 to 86400 seconds"},
	{"grace", set_grace, false, "grace is 0 to 86399 seconds"},
	{"force", set_force, false, "force is yes or no"},
	{"dry-run", set_dry_run, false, "dry-run is yes or no"},
	{"user", set_user, false,
	 "user is a user name of at most 255 bytes, without colon and slash"},
	{"session", set_session, false,
	 "session is a logind session id of at most 63 letters and digits"},
	{"boot", set_boot, false, "boot is 1 to 36 letters, digits and hyphens"},
	{"message", set_message, false, "message is at most 1023 bytes"},
};

struct request_parser {
	struct kvp_request *request;
	struct kvp_answer *refusal;
	unsigned int seen; /* bit n: the value has request_fields[n] */
};

void kvp_answer_set_text(struct kvp_answer *answer, const char *text)
{
	text_clean_line(answer->text, sizeof(answer->text), text);
}

static void set_refusal(struct kvp_answer *answer, const char *id, uint32_t result,
			const char *format, va_list arguments)
{
	char text[2 * KVP_TEXT_MAX];

	*answer = (struct kvp_answer){.state = HV_LOGOFF_DONE, .result = result};
	strncpy(answer->id, id[0] ? id : "-", sizeof(answer->id) - 1);
	vsnprintf(text, sizeof(text), format, arguments);
	kvp_answer_set_text(answer, text);
}

void kvp_refuse(struct kvp_answer *answer, const char *id, uint32_t result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_refusal(answer, id, result, format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 3, 4))) static int refuse(struct request_parser *parser,
							uint32_t result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_refusal(parser->refusal, parser->request->id, result, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static char *next_request_field(char **text)
{
	return next_field(text, "message=");
}

static const struct request_field *find_field(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_fields); i++)
		if (!strcmp(request_fields[i].name, name))
			return &request_fields[i];
	return NULL;
}

/*
 * Parses the two fields that every refusal depends on: another version may change the meaning of
 * all other fields, and the host recognizes the answer by its id.
 */
static int parse_essentials(struct request_parser *parser, const char *value)
{
	char copy[HV_KVP_EXCHANGE_MAX_VALUE_SIZE + 1] = "";
	char version[16] = "";
	char *next = copy;

	strncpy(copy, value, sizeof(copy) - 1);
	for (char *field = next_request_field(&next); field; field = next_request_field(&next)) {
		if (!strncmp(field, "id=", 3) && !set_id(parser->request, field + 3))
			parser->request->id[0] = '\0';
		if (!strncmp(field, "v=", 2))
			snprintf(version, sizeof(version), "%s", field + 2);
	}
	if (version[0] && strcmp(version, VERSION) != 0)
		return refuse(parser, KVP_E_REVISION,
			      "The request has version %s of the format; hv-logoffd in this guest "
			      "supports version " VERSION ".",
			      version);
	if (strlen(value) > KVP_TEXT_MAX)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request is longer than %d bytes; shorten its message.",
			      KVP_TEXT_MAX);
	return 0;
}

static int parse_field(struct request_parser *parser, char *field)
{
	const struct request_field *known;
	char *value = strchr(field, '=');

	if (!value)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "\"%s\" in the request is not a field such as timeout=60.", field);
	*value++ = '\0';
	known = find_field(field);
	if (!known)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request has a field %s=, which version " VERSION
			      " of the format does not define.",
			      field);
	if (parser->seen & 1U << (known - request_fields))
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request has the field %s= twice; remove one of them.", field);
	parser->seen |= 1U << (known - request_fields);
	if (known->set(parser->request, value))
		return 0;
	return refuse(parser, HV_LOGOFF_E_INVALIDARG, "%s=%s in the request is invalid: %s.", field,
		      value, known->rule);
}

static int check_whole(struct request_parser *parser)
{
	const struct logoff_request *logoff = &parser->request->logoff;

	for (size_t i = 0; i < ARRAY_SIZE(request_fields); i++)
		if (request_fields[i].required && !(parser->seen & 1U << i))
			return refuse(parser, HV_LOGOFF_E_INVALIDARG, "The request lacks %s=: %s.",
				      request_fields[i].name, request_fields[i].rule);
	if (logoff->grace >= logoff->timeout)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request's grace (%" PRIu32 " s) must be less than its timeout "
			      "(%" PRIu32 " s).",
			      logoff->grace, logoff->timeout);
	return 0;
}

int kvp_request_parse(struct kvp_request *request, const char *value, struct kvp_answer *refusal)
{
	struct request_parser parser = {.request = request, .refusal = refusal};
	char copy[KVP_TEXT_MAX + 1] = "";
	char *next = copy;
	int r;

	*request = (struct kvp_request){.logoff.timeout = TIMEOUT_DEFAULT};
	r = parse_essentials(&parser, value);
	if (r < 0)
		return r;
	strncpy(copy, value, sizeof(copy) - 1);
	for (char *field = next_request_field(&next); field && r >= 0;
	     field = next_request_field(&next))
		r = parse_field(&parser, field);
	if (r >= 0)
		r = check_whole(&parser);
	if (r >= 0)
		memcpy(request->logoff.id, request->id, sizeof(request->id));
	return r;
}

static int format_logoff(char *text, size_t size, const struct logoff_request *logoff)
{
	/* A blank ends any value except the message. */
	if (strpbrk(logoff->user, BLANKS) || strpbrk(logoff->session, BLANKS))
		return -EINVAL;
	snprintf(text, size, " timeout=%" PRIu32 " grace=%" PRIu32 "%s%s%s%s%s%s%s%s",
		 logoff->timeout, logoff->grace,
		 logoff->flags & HV_LOGOFF_FORCE ? " force=yes" : "",
		 logoff->flags & HV_LOGOFF_DRY_RUN ? " dry-run=yes" : "",
		 logoff->user[0] ? " user=" : "", logoff->user,
		 logoff->session[0] ? " session=" : "", logoff->session,
		 logoff->message[0] ? " message=" : "", logoff->message);
	return 0;
}

int kvp_request_format(char value[KVP_TEXT_MAX + 1], const struct kvp_request *request)
{
	char logoff[sizeof(struct logoff_request) + 128] = "";
	char issued[UTC_SIZE];
	int r;

	if (request->verb == KVP_LOGOFF) {
		r = format_logoff(logoff, sizeof(logoff), &request->logoff);
		if (r < 0)
			return r;
	}
	utc_format(issued, request->issued);
	r = snprintf(value, KVP_TEXT_MAX + 1,
		     "v=" VERSION " id=%s issued=%s life=%" PRIu32 " do=%s%s%s%s", request->id,
		     issued, request->life, verb_names[request->verb],
		     request->boot[0] ? " boot=" : "", request->boot, logoff);
	return r > KVP_TEXT_MAX ? -E2BIG : 0;
}

void kvp_answer_format(char value[KVP_TEXT_MAX + 1], const struct kvp_answer *answer,
		       const char *boot, int64_t time)
{
	char written[UTC_SIZE];
	char result[32] = "";
	char busy[KVP_ID_SIZE + 8] = "";

	utc_format(written, time);
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
		 answer->id, state_names[answer->state], answer->percent, answer->found,
		 answer->ended, answer->failed, result, busy, boot, written, answer->text);
}

struct answer_parser {
	struct kvp_answer *answer;
	char *boot;
	int64_t *time;
	bool has_version, has_state;
};

static bool take_number(struct kvp_answer *answer, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint32_t *number;
	} numbers[] = {
		{"percent", &answer->percent}, {"found", &answer->found},
		{"ended", &answer->ended},     {"failed", &answer->failed},
		{"result", &answer->result},
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (strcmp(numbers[i].name, name) != 0)
			continue;
		*numbers[i].number = strtoul(value, NULL, 0);
		return true;
	}
	return false;
}

static void take_state(struct answer_parser *parser, const char *value)
{
	size_t state = HV_LOGOFF_PENDING;

	NAME_FIND(state_names, value, &state);
	parser->answer->state = state;
	parser->has_state = value[0];
}

static void take_id(char target[KVP_ID_SIZE], const char *value)
{
	snprintf(target, KVP_ID_SIZE, "%s", value);
}

/* Ignores unknown fields: a later hv-logoffd may add some. */
static void take_field(struct answer_parser *parser, const char *name, const char *value)
{
	if (take_number(parser->answer, name, value))
		return;
	if (!strcmp(name, "v"))
		parser->has_version = !strcmp(value, VERSION);
	else if (!strcmp(name, "state"))
		take_state(parser, value);
	else if (!strcmp(name, "id"))
		take_id(parser->answer->id, value);
	else if (!strcmp(name, "busy"))
		take_id(parser->answer->busy, value);
	else if (!strcmp(name, "boot"))
		take_id(parser->boot, value);
	else if (!strcmp(name, "time") && !utc_parse(parser->time, value))
		*parser->time = 0;
	else if (!strcmp(name, "text"))
		kvp_answer_set_text(parser->answer, value);
}

int kvp_answer_parse(struct kvp_answer *answer, char boot[KVP_ID_SIZE], int64_t *time,
		     const char *value)
{
	struct answer_parser parser = {.answer = answer, .boot = boot, .time = time};
	char copy[HV_KVP_EXCHANGE_MAX_VALUE_SIZE + 1] = "";
	char *next = copy;

	*answer = (struct kvp_answer){0};
	boot[0] = '\0';
	*time = 0;
	strncpy(copy, value, sizeof(copy) - 1);
	for (char *field = next_field(&next, "text="); field; field = next_field(&next, "text=")) {
		char *separator = strchr(field, '=');

		if (!separator)
			continue;
		*separator = '\0';
		take_field(&parser, field, separator + 1);
	}
	if (parser.has_version && parser.has_state)
		return 0;
	*answer = (struct kvp_answer){0};
	boot[0] = '\0';
	*time = 0;
	return -EINVAL;
}
