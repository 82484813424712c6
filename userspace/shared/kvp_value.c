// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "kvp_fields.h"
#include "names.h"
#include "text.h"
#include "utc.h"
#include "util.h"

#define ANSWER_VERSION  "1"
#define TIMEOUT_DEFAULT 60

static const char *const verb_names[] = {
	[KVP_LOGOFF] = "logoff",
	[KVP_CANCEL] = "cancel",
	[KVP_FORGET] = "forget",
};

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
	return !strcmp(value, request->version == 2 ? "2" : "1");
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

static bool set_include_lingering(struct kvp_request *request, const char *value)
{
	return set_flag(&request->logoff.flags, HV_LOGOFF_INCLUDE_LINGERING, value);
}

static bool set_no_logins(struct kvp_request *request, const char *value)
{
	return set_flag(&request->logoff.flags, HV_LOGOFF_NO_LOGINS, value);
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
	unsigned int since; /* the version of the format that introduced it */
	bool required;
	const char *rule;
} request_fields[] = {
	{"v", set_version, 1, true, "v is 1 or 2, and v=2 is the first field"},
	{"id", set_id, 1, true, "id is 1 to 36 letters, digits and hyphens"},
	{"issued", set_issued, 1, true, "issued is a time in UTC, such as 2026-11-22T16:00:00Z"},
	{"life", set_life, 1, true, "life is 1 to 86400 seconds"},
	{"do", set_do, 1, true, "do is logoff, cancel or forget"},
	{"timeout", set_timeout, 1, false, "timeout is 1 to 86400 seconds"},
	{"grace", set_grace, 1, false, "grace is 0 to 86399 seconds"},
	{"force", set_force, 1, false, "force is yes or no"},
	{"dry-run", set_dry_run, 1, false, "dry-run is yes or no"},
	{"include-lingering", set_include_lingering, 2, false, "include-lingering is yes or no"},
	{"no-logins", set_no_logins, 2, false, "no-logins is yes or no"},
	{"user", set_user, 1, false,
	 "user is a user name of at most 255 bytes, without colon and slash"},
	{"session", set_session, 1, false,
	 "session is a logind session id of at most 63 letters and digits"},
	{"boot", set_boot, 1, false, "boot is 1 to 36 letters, digits and hyphens"},
	{"message", set_message, 1, false, "message is at most 1023 bytes"},
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

static const struct request_field *find_field(const char *name, unsigned int version)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_fields); i++)
		if (!strcmp(request_fields[i].name, name) && request_fields[i].since <= version)
			return &request_fields[i];
	return NULL;
}

/* Where fields end depends on the version, so version 2 is that of a text that starts with it. */
static unsigned int version_of(const char *value)
{
	value += strspn(value, KVP_BLANKS);
	return !strncmp(value, "v=2", 3) && strchr(KVP_BLANKS, value[3]) ? 2 : 1;
}

static void init_request_fields(struct kvp_fields *fields, const struct kvp_request *request,
				const char *value)
{
	kvp_fields_init(fields, value, "message=", request->version >= 2);
}

/*
 * Parses the two fields that every refusal depends on: another version may change the meaning of
 * all other fields, and the host recognizes the answer by its id.
 */
static int parse_essentials(struct request_parser *parser, const char *value)
{
	struct kvp_fields fields;
	char version[16] = "";

	init_request_fields(&fields, parser->request, value);
	for (char *field = kvp_fields_next(&fields); field; field = kvp_fields_next(&fields)) {
		if (!strncmp(field, "id=", 3) && !set_id(parser->request, field + 3))
			parser->request->id[0] = '\0';
		if (!strncmp(field, "v=", 2))
			snprintf(version, sizeof(version), "%s", field + 2);
	}
	if (version[0] && strcmp(version, "1") != 0 && strcmp(version, "2") != 0)
		return refuse(parser, KVP_E_REVISION,
			      "The request has version %s of the format; hv-logoffd in this guest "
			      "supports versions 1 and 2.",
			      version);
	if (strlen(value) > KVP_TEXT_MAX)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request is longer than %d bytes; shorten its message.",
			      KVP_TEXT_MAX);
	return 0;
}

static int parse_field(struct request_parser *parser, char *field, bool malformed)
{
	const struct request_field *known;
	char *value = strchr(field, '=');

	if (malformed)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The value of %.*s= in the request is invalid: it ends with a quote, "
			      "and \\\" and \\\\ are the only escapes.",
			      (int)strcspn(field, "="), field);
	if (!value)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "\"%s\" in the request is not a field such as timeout=60.", field);
	*value++ = '\0';
	known = find_field(field, parser->request->version);
	if (!known)
		return refuse(parser, HV_LOGOFF_E_INVALIDARG,
			      "The request has a field %s=, which version %u of the format does "
			      "not define.",
			      field, parser->request->version);
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
	struct kvp_fields fields;
	int r;

	*request = (struct kvp_request){
		.version = version_of(value),
		.logoff.timeout = TIMEOUT_DEFAULT,
	};
	r = parse_essentials(&parser, value);
	if (r < 0)
		return r;
	init_request_fields(&fields, request, value);
	for (char *field = kvp_fields_next(&fields); field && r >= 0;
	     field = kvp_fields_next(&fields))
		r = parse_field(&parser, field, fields.malformed);
	if (r >= 0)
		r = check_whole(&parser);
	if (r >= 0)
		memcpy(request->logoff.id, request->id, sizeof(request->id));
	return r;
}

unsigned int kvp_request_version(const struct kvp_request *request)
{
	const uint32_t flags = HV_LOGOFF_INCLUDE_LINGERING | HV_LOGOFF_NO_LOGINS;
	const struct logoff_request *logoff = &request->logoff;
	bool needs_2 = request->verb == KVP_LOGOFF &&
		       (logoff->flags & flags || kvp_has_blank(logoff->user) ||
			kvp_has_blank(logoff->session));

	return needs_2 ? 2 : 1;
}

static void format_logoff(char *text, size_t size, const struct logoff_request *logoff,
			  unsigned int version)
{
	char quoted_user[2 * sizeof(logoff->user) + 3];
	char quoted_session[2 * sizeof(logoff->session) + 3];
	const char *user = logoff->user, *session = logoff->session;
	uint32_t flags = logoff->flags;

	if (version >= 2) {
		user = kvp_quote(quoted_user, user);
		session = kvp_quote(quoted_session, session);
	}
	snprintf(text, size, " timeout=%" PRIu32 " grace=%" PRIu32 "%s%s%s%s%s%s%s%s%s%s",
		 logoff->timeout, logoff->grace, flags & HV_LOGOFF_FORCE ? " force=yes" : "",
		 flags & HV_LOGOFF_DRY_RUN ? " dry-run=yes" : "",
		 flags & HV_LOGOFF_INCLUDE_LINGERING ? " include-lingering=yes" : "",
		 flags & HV_LOGOFF_NO_LOGINS ? " no-logins=yes" : "", user[0] ? " user=" : "", user,
		 session[0] ? " session=" : "", session, logoff->message[0] ? " message=" : "",
		 logoff->message);
}

int kvp_request_format(char value[KVP_TEXT_MAX + 1], const struct kvp_request *request)
{
	char logoff[2 * sizeof(struct logoff_request)] = "";
	unsigned int version = kvp_request_version(request);
	char issued[UTC_SIZE];
	int length;

	if (request->verb == KVP_LOGOFF)
		format_logoff(logoff, sizeof(logoff), &request->logoff, version);
	utc_format(issued, request->issued);
	length = snprintf(value, KVP_TEXT_MAX + 1,
			  "v=%u id=%s issued=%s life=%" PRIu32 " do=%s%s%s%s", version, request->id,
			  issued, request->life, verb_names[request->verb],
			  request->boot[0] ? " boot=" : "", request->boot, logoff);
	return length > KVP_TEXT_MAX ? -E2BIG : 0;
}

/* The numbers in an answer. Those that are optional are only present if they are not 0. */
static const struct answer_number {
	const char *name;
	size_t offset;
	bool optional;
} answer_numbers[] = {
	{"percent", offsetof(struct kvp_answer, percent), false},
	{"found", offsetof(struct kvp_answer, found), false},
	{"ended", offsetof(struct kvp_answer, ended), false},
	{"failed", offsetof(struct kvp_answer, failed), false},
	{"result", offsetof(struct kvp_answer, result), false},
	{"accepts", offsetof(struct kvp_answer, accepts), false},
	{"vsock", offsetof(struct kvp_answer, vsock), false},
	{"managers", offsetof(struct kvp_answer, users.managers), true},
	{"managers-left", offsetof(struct kvp_answer, users.managers_left), true},
	{"returned", offsetof(struct kvp_answer, users.returned), true},
	{"lingering", offsetof(struct kvp_answer, users.lingering), true},
	{"outside", offsetof(struct kvp_answer, users.outside), true},
	{"untold", offsetof(struct kvp_answer, users.untold), true},
	{"session-items", offsetof(struct kvp_answer, session_items), true},
};

static uint32_t *number_in(struct kvp_answer *answer, const struct answer_number *number)
{
	return (uint32_t *)((char *)answer + number->offset);
}

static void format_optional(char *text, size_t size, struct kvp_answer answer)
{
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(answer_numbers); i++) {
		uint32_t number = *number_in(&answer, &answer_numbers[i]);

		if (answer_numbers[i].optional && number > 0)
			used += (size_t)snprintf(text + used, size - used, " %s=%" PRIu32,
						 answer_numbers[i].name, number);
	}
}

void kvp_answer_format(char value[KVP_TEXT_MAX + 1], const struct kvp_answer *answer,
		       const char *boot, int64_t time)
{
	char written[UTC_SIZE];
	char result[32] = "";
	char optional[160] = "";
	char busy[KVP_ID_SIZE + 8] = "";
	char vsock[24] = "";

	utc_format(written, time);
	if (answer->vsock)
		snprintf(vsock, sizeof(vsock), " vsock=%" PRIu32, answer->vsock);
	if (!answer->id[0]) {
		snprintf(value, KVP_TEXT_MAX + 1,
			 "v=" ANSWER_VERSION " state=idle accepts=%d%s boot=%s time=%s",
			 KVP_VERSION_MAX, vsock, boot, written);
		return;
	}
	if (answer->state == HV_LOGOFF_DONE)
		snprintf(result, sizeof(result), " result=0x%08" PRIx32, answer->result);
	if (answer->busy[0])
		snprintf(busy, sizeof(busy), " busy=%s", answer->busy);
	format_optional(optional, sizeof(optional), *answer);
	snprintf(value, KVP_TEXT_MAX + 1,
		 "v=" ANSWER_VERSION " id=%s state=%s percent=%" PRIu32 " found=%" PRIu32
		 " ended=%" PRIu32 " failed=%" PRIu32 "%s%s%s accepts=%d%s boot=%s time=%s text=%s",
		 answer->id, state_names[answer->state], answer->percent, answer->found,
		 answer->ended, answer->failed, optional, result, busy, KVP_VERSION_MAX, vsock,
		 boot, written, answer->text);
}

struct answer_parser {
	struct kvp_answer *answer;
	char *boot;
	int64_t *time;
	bool has_version, has_state;
};

static bool take_number(struct kvp_answer *answer, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(answer_numbers); i++) {
		if (strcmp(answer_numbers[i].name, name) != 0)
			continue;
		*number_in(answer, &answer_numbers[i]) = strtoul(value, NULL, 0);
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
		parser->has_version = !strcmp(value, ANSWER_VERSION);
	else if (!strcmp(name, "state"))
		take_state(parser, value);
	else if (!strcmp(name, "id"))
		take_id(parser->answer->id, value);
	else if (!strcmp(name, "busy"))
		take_id(parser->answer->busy, value);
	else if (!strcmp(name, "boot") && !set_name(parser->boot, value))
		parser->boot[0] = '\0';
	else if (!strcmp(name, "time") && !utc_parse(parser->time, value))
		*parser->time = 0;
	else if (!strcmp(name, "text"))
		kvp_answer_set_text(parser->answer, value);
}

int kvp_answer_parse(struct kvp_answer *answer, char boot[KVP_ID_SIZE], int64_t *time,
		     const char *value)
{
	struct answer_parser parser = {.answer = answer, .boot = boot, .time = time};
	struct kvp_fields fields;

	*answer = (struct kvp_answer){0};
	boot[0] = '\0';
	*time = 0;
	kvp_fields_init(&fields, value, "text=", false);
	for (char *field = kvp_fields_next(&fields); field; field = kvp_fields_next(&fields)) {
		char *separator = strchr(field, '=');

		if (!separator)
			continue;
		*separator = '\0';
		take_field(&parser, field, separator + 1);
	}
	if (parser.has_version && parser.has_state) {
		answer->accepts = MAX(answer->accepts, 1U);
		return 0;
	}
	*answer = (struct kvp_answer){0};
	boot[0] = '\0';
	*time = 0;
	return -EINVAL;
}
