/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session of logind, and whether it may be ended. */
#ifndef HVL_SESSION_H
#define HVL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct config;

/* In a list, no string is NULL; a string that is unknown is empty. */
struct session {
	char *id;
	uid_t uid;
	char *user;
	char *class;
	char *seat;
	char *tty;    /* below /dev, such as "pts/0" */
	pid_t leader; /* 0 if unknown */
	/* Set by the engine: it was listed before the request ended a session. */
	bool precedes_end;
};

struct session_list {
	struct session *items;
	size_t count;
};

int session_init(struct session *session, const char *id, uid_t uid, const char *user,
		 const char *class, const char *seat, const char *tty, pid_t leader);
void session_done(struct session *session);

/* Takes ownership of the strings of @session, even if it fails. Returns 0 or -ENOMEM. */
int session_list_add(struct session_list *list, struct session *session);
void session_list_done(struct session_list *list);

/* logind reuses ids after a restart: sessions with different leaders are different. */
bool session_is_same(const struct session *a, const struct session *b);

/* From systemd 256 on, logind lists managers as sessions, but they do not mean a logged-on user. */
bool session_is_manager(const struct session *session);
/* Whether the configuration permits that a request ends it. */
bool session_is_eligible(const struct session *session, const struct config *config);

#endif /* HVL_SESSION_H */
