/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a logon session, and whether it is one of those to end. */
#ifndef HVL_SESSION_H
#define HVL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct config;

/* Strings are never NULL once the session is in a list; unknown is "". */
struct session {
	char *id;
	uid_t uid;
	char *user;
	char *class;
	char *tty;    /* as below /dev, such as "pts/0" */
	pid_t leader; /* 0 if it is not known */
};

struct session_list {
	struct session *items;
	size_t count;
};

int session_init(struct session *session, const char *id, uid_t uid, const char *user,
		 const char *class, const char *tty, pid_t leader);
void session_done(struct session *session);

/* Takes over what @session owns, also when it fails. 0 or -ENOMEM. */
int session_list_add(struct session_list *list, struct session *session);
void session_list_done(struct session_list *list);

bool session_is_ours(const struct session *session, const struct config *config);

#endif /* HVL_SESSION_H */
