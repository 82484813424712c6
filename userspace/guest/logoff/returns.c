// SPDX-License-Identifier: GPL-2.0-or-later
#include "returns.h"

#include <string.h>

/* A session over the network has a pseudo terminal; that of another one may be a display, ":0". */
static bool has_getty_terminal(const struct session *session)
{
	return session->tty[0] && session->tty[0] != ':' && strncmp(session->tty, "pts/", 4) != 0;
}

bool returns_are_possible(const struct session *session)
{
	return session->seat[0] || has_getty_terminal(session);
}

static bool at_same_place(const struct session *a, const struct session *b)
{
	return (a->seat[0] && !strcmp(a->seat, b->seat)) ||
	       (has_getty_terminal(a) && !strcmp(a->tty, b->tty));
}

bool returns_with(const struct targets *targets, const struct session *session)
{
	if (!session->id || session->precedes_end || session_is_manager(session))
		return false;
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = &targets->items[i];

		if (target->ended_at && target->session.uid == session->uid &&
		    !session_is_same(&target->session, session) &&
		    at_same_place(&target->session, session))
			return true;
	}
	return false;
}

static bool has_returned(const struct targets *targets, const struct session_list *sessions,
			 uid_t uid)
{
	for (size_t i = 0; i < sessions->count; i++)
		if (sessions->items[i].uid == uid && returns_with(targets, &sessions->items[i]))
			return true;
	return false;
}

bool returns_are_missing(const struct targets *targets, const struct session_list *sessions)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = &targets->items[i];

		if (target->ended_at && returns_are_possible(&target->session) &&
		    !has_returned(targets, sessions, target->session.uid))
			return true;
	}
	return false;
}
