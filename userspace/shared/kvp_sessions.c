// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kvp_fields.h"
#include "names.h"
#include "text.h"
#include "util.h"

#define VERSION "1"

/* The longest start of a value, before its outcomes. */
#define HEAD_MAX (sizeof("v=1 id= part=8/8 omitted=4294967295") - 1 + KVP_ID_SIZE - 1)
#define ROOM     ((int)(KVP_TEXT_MAX - HEAD_MAX))

/* Of "session:uid:user", with the NUL; and of that in quotes. */
#define OUTCOME_SIZE (HV_LOGOFF_SESSION_SIZE + HV_LOGOFF_USER_SIZE + sizeof(":4294967295:"))
#define QUOTED_SIZE  (2 * OUTCOME_SIZE + 3)

void kvp_sessions_key(char key[KVP_SESSIONS_KEY_SIZE], unsigned int number)
{
	snprintf(key, KVP_SESSIONS_KEY_SIZE, KVP_SESSIONS_KEY "%u", number % 10);
}

static bool is_session(const char *text)
{
	return !*text || (text_is_session(text) && strlen(text) < HV_LOGOFF_SESSION_SIZE);
}

/* Appends @field to the last value, or begins another one. */
static bool append(struct kvp_sessions *sessions, const char *field)
{
	size_t used = sessions->count ? strlen(sessions->values[sessions->count - 1]) : ROOM;
	size_t length = strlen(field);

	if (used + length > ROOM) {
		if (sessions->count == KVP_SESSIONS_MAX)
			return false;
		sessions->count++;
		used = 0;
	}
	memcpy(sessions->values[sessions->count - 1] + used, field, length + 1);
	return true;
}

void kvp_sessions_add(struct kvp_sessions *sessions, enum hv_logoff_outcome outcome, uint32_t uid,
		      const char *user, const char *session)
{
	char name[HV_LOGOFF_USER_SIZE];
	char value[OUTCOME_SIZE], quoted[QUOTED_SIZE], field[QUOTED_SIZE + 32];

	text_clean_line(name, sizeof(name), user);
	snprintf(value, sizeof(value), "%s:%" PRIu32 ":%s", session, uid, name);
	snprintf(field, sizeof(field), " %s=%s", outcome_names[outcome], kvp_quote(quoted, value));
	if (!is_session(session) || !append(sessions, field))
		sessions->omitted++;
}

void kvp_sessions_finish(struct kvp_sessions *sessions, const char *id)
{
	char omitted[32] = "";

	if (sessions->omitted)
		snprintf(omitted, sizeof(omitted), " omitted=%" PRIu32, sessions->omitted);
	for (unsigned int i = 0; i < sessions->count; i++) {
		char outcomes[KVP_TEXT_MAX + 1];

		memcpy(outcomes, sessions->values[i], sizeof(outcomes));
		snprintf(sessions->values[i], sizeof(sessions->values[i]),
			 "v=" VERSION " id=%s part=%u/%u%s%.*s", id, i + 1, sessions->count,
			 omitted, ROOM, outcomes);
	}
}

static bool parse_outcome(struct kvp_session *session, char *value)
{
	char *uid = strchr(value, ':');
	char *user = uid ? strchr(uid + 1, ':') : NULL;

	if (!user)
		return false;
	*uid++ = *user++ = '\0';
	if (!is_session(value) || strlen(user) >= sizeof(session->user) ||
	    !text_to_number(&session->uid, uid, 0, UINT32_MAX))
		return false;
	snprintf(session->session, sizeof(session->session), "%s", value);
	text_clean_line(session->user, sizeof(session->user), user);
	return true;
}

static bool parse_part(struct kvp_sessions_part *part, char *value)
{
	char *parts = strchr(value, '/');

	if (part->part || !parts)
		return false;
	*parts++ = '\0';
	return text_to_number(&part->parts, parts, 1, KVP_SESSIONS_MAX) &&
	       text_to_number(&part->part, value, 1, part->parts);
}

static bool parse_id(struct kvp_sessions_part *part, const char *value)
{
	if (part->id[0] || !*value || strlen(value) >= sizeof(part->id))
		return false;
	snprintf(part->id, sizeof(part->id), "%s", value);
	return true;
}

struct parser {
	struct kvp_sessions_part *part;
	void (*take)(void *userdata, const struct kvp_session *session);
	void *userdata;
	bool has_version;
};

static bool parse_field(struct parser *parser, const char *name, char *value)
{
	struct kvp_session session;
	size_t outcome;

	if (!strcmp(name, "v"))
		return parser->has_version = !strcmp(value, VERSION);
	if (!strcmp(name, "id"))
		return parse_id(parser->part, value);
	if (!strcmp(name, "part"))
		return parse_part(parser->part, value);
	if (!strcmp(name, "omitted"))
		return text_to_number(&parser->part->omitted, value, 0, UINT32_MAX);
	if (!NAME_FIND(outcome_names, name, &outcome))
		return true;
	if (!parse_outcome(&session, value))
		return false;
	session.outcome = (enum hv_logoff_outcome)outcome;
	if (parser->take)
		parser->take(parser->userdata, &session);
	return true;
}

static int parse(struct parser *parser, const char *text)
{
	struct kvp_fields fields;

	*parser->part = (struct kvp_sessions_part){0};
	kvp_fields_init(&fields, text, NULL, true);
	for (char *field = kvp_fields_next(&fields); field; field = kvp_fields_next(&fields)) {
		char *value = strchr(field, '=');

		if (!value || fields.malformed)
			return -EINVAL;
		*value++ = '\0';
		if (!parse_field(parser, field, value))
			return -EINVAL;
	}
	return parser->has_version && parser->part->id[0] && parser->part->part ? 0 : -EINVAL;
}

int kvp_sessions_parse(struct kvp_sessions_part *part, const char *value,
		       void (*take)(void *userdata, const struct kvp_session *session),
		       void *userdata)
{
	struct parser parser = {.part = part};
	int r = strlen(value) > KVP_TEXT_MAX ? -EINVAL : parse(&parser, value);

	if (r < 0 || !take)
		return r;
	parser.take = take;
	parser.userdata = userdata;
	return parse(&parser, value);
}
