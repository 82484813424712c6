// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/guest/config.h"

int session_init(struct session *session, const char *id, uid_t uid, const char *user,
		 const char *class, const char *seat, const char *tty, pid_t leader)
{
	*session = (struct session){
		.id = strdup(id),
		.uid = uid,
		.user = strdup(user),
		.class = strdup(class),
		.seat = strdup(seat),
		.tty = strdup(tty),
		.leader = leader,
	};
	if (session->id && session->user && session->class && session->seat && session->tty)
		return 0;
	session_done(session);
	return -ENOMEM;
}

void session_done(struct session *session)
{
	free(session->id);
	free(session->user);
	free(session->class);
	free(session->seat);
	free(session->tty);
	*session = (struct session){0};
}

int session_list_add(struct session_list *list, struct session *session)
{
	struct session *items;

	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items) {
		session_done(session);
		return -ENOMEM;
	}
	list->items = items;
	list->items[list->count++] = *session;
	*session = (struct session){0};
	return 0;
}

void session_list_done(struct session_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		session_done(&list->items[i]);
	free(list->items);
	*list = (struct session_list){0};
}

bool session_is_same(const struct session *a, const struct session *b)
{
	return !strcmp(a->id, b->id) && (a->leader == b->leader || !a->leader || !b->leader);
}

bool session_is_manager(const struct session *session)
{
	return !strncmp(session->class, "manager", strlen("manager"));
}

bool session_is_eligible(const struct session *session, const struct config *config)
{
	return strv_contains(config->classes, session->class) &&
	       !config_exempts(config, session->uid, session->user);
}
