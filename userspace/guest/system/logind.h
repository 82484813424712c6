/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-logind: the list of sessions, their start and end, and signals to them. */
#ifndef HVL_LOGIND_H
#define HVL_LOGIND_H

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "userspace/guest/logoff/session.h"

struct logind_handler {
	/* The result of logind_list(). Sessions that the handler leaves in @list are freed. */
	void (*listed)(void *userdata, struct session_list *list, int error);
	void (*opened)(void *userdata);
	/* Details of a new session, unless it has already ended; NULL: logind did not answer. */
	void (*found)(void *userdata, const struct session *session);
	/* A job stops the session's scope. Not called if a user's own logout causes one too. */
	void (*stopping)(void *userdata, const char *id);
	void (*removed)(void *userdata, const char *id);
	/* logind has started (@running) or stopped: signals may have been missed in between. */
	void (*restarted)(void *userdata, bool running);
	/* -ENOENT: the session does not exist, or has no processes. */
	void (*kill_failed)(void *userdata, const char *id, int error);
};

struct logind {
	sd_event *event;
	sd_bus *bus;
	const struct logind_handler *handler;
	void *userdata;
	struct listing *listing; /* in progress, or NULL */
	bool without_list_ex;    /* systemd before v256 */
	bool logout_stops;       /* KillUserProcesses= */
	bool failure_logged;     /* why it does not answer */
};

/* The connection is opened on first use. */
void logind_init(struct logind *logind, sd_event *event, const struct logind_handler *handler,
		 void *userdata);
void logind_done(struct logind *logind);

/* Returns 0, or -errno if there is no bus. Every call has a timeout. */
int logind_connect(struct logind *logind);
/* Cancels the previous listing if it is still in progress. */
int logind_list(struct logind *logind);
int logind_kill(struct logind *logind, const char *id, int number);
int logind_stop_unit(struct logind *logind, const char *unit);

#endif /* HVL_LOGIND_H */
