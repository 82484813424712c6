/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-logind: which sessions there are, when they come and go, and signals to them. */
#ifndef HVL_LOGIND_H
#define HVL_LOGIND_H

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "userspace/guest/logoff/session.h"

struct logind_handler {
	/* The answer to logind_list(). What the handler leaves in @list is freed. */
	void (*listed)(void *userdata, struct session_list *list, int error);
	void (*opened)(void *userdata);
	/* Who that is, unless the session has ended already; NULL: logind failed to say. */
	void (*found)(void *userdata, const struct session *session);
	/* Somebody has PID 1 stop the session's scope; not if a user's own logout does that too. */
	void (*stopping)(void *userdata, const char *id);
	void (*removed)(void *userdata, const char *id);
	/* Logind is @there again or has gone: signals may have been missed meanwhile. */
	void (*restarted)(void *userdata, bool there);
	/* -ENOENT: no such session, or no process of it. */
	void (*kill_failed)(void *userdata, const char *id, int error);
};

struct logind {
	sd_event *event;
	sd_bus *bus;
	const struct logind_handler *handler;
	void *userdata;
	struct listing *listing; /* on its way */
	bool without_list_ex;    /* before v256 */
	bool logout_stops;       /* KillUserProcesses= */
	bool complained;         /* said why it does not answer */
};

/* Connects when it is first needed. */
void logind_init(struct logind *logind, sd_event *event, const struct logind_handler *handler,
		 void *userdata);
void logind_done(struct logind *logind);

/* 0, or -errno when there is no bus. Every call comes to an end in bounded time. */
int logind_connect(struct logind *logind);
/* Forgets the listing before, if it is on its way still. */
int logind_list(struct logind *logind);
int logind_kill(struct logind *logind, const char *id, int number);
int logind_stop_unit(struct logind *logind, const char *unit);

#endif /* HVL_LOGIND_H */
