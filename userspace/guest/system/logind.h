/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-logind: the sessions, their start and end, signals to them, and the user managers. */
#ifndef HVL_LOGIND_H
#define HVL_LOGIND_H

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "call_queue.h"
#include "userspace/guest/logoff/managers.h"
#include "userspace/guest/logoff/session.h"

/* The uid of a service with neither User= nor DynamicUser=. */
#define NO_UID ((uid_t)-1)

struct service {
	uid_t uid;     /* or NO_UID */
	bool terminal; /* its standard input is one, as that of a login prompt */
};

struct logind_handler {
	/* A connection to the bus has been opened. May be NULL. */
	void (*connected)(void *userdata, sd_bus *bus);
	/* Its connection is about to be closed: slots of others must be freed. May be NULL. */
	void (*disconnected)(void *userdata);
	/* Whether a session has ended, so that it is left out of the list. */
	bool (*has_ended)(void *userdata, const char *id, uid_t uid);
	/* Whether there is a session, as far as the calls of this handler have told. */
	bool (*knows_session)(void *userdata);
	/* The result of logind_list_users(). */
	void (*users_listed)(void *userdata, const struct listed_user *users, size_t count,
			     int error);
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
	/*
	 * Of logind_kill() or logind_stop_scope(). -ENOENT: the session does not exist, or has no
	 * processes.
	 */
	void (*kill_failed)(void *userdata, const char *id, int error);
	/* The result of logind_look_up_manager(): an enum manager_state or -errno. */
	void (*manager_found)(void *userdata, uid_t uid, int state);
	/* The result of logind_look_up_service(). NULL: no such service, or PID 1 failed. */
	void (*service_found)(void *userdata, const char *unit, const struct service *service);
};

/* Of a connection's unique name, including the NUL. */
#define BUS_OWNER_SIZE 64

struct logind {
	sd_event *event;
	sd_bus *bus;
	struct call_queue queue;
	const struct logind_handler *handler;
	void *userdata;
	struct listing *listing; /* in progress, or NULL */
	struct user_listing *user_listing;
	unsigned int user_listings;      /* so far */
	char owner[BUS_OWNER_SIZE];      /* logind's connection, whose signals are heeded */
	char pid1_owner[BUS_OWNER_SIZE]; /* and PID 1's */
	bool without_list_ex;            /* systemd before v256 */
	bool logout_stops;               /* KillUserProcesses= */
	bool failure_logged;             /* why it does not answer */
	const char *session_files;       /* logind's directory; different in tests */
};

/* The connection is opened on first use. */
void logind_init(struct logind *logind, sd_event *event, const struct logind_handler *handler,
		 void *userdata);
void logind_done(struct logind *logind);

/* Returns 0, or -errno if there is no bus. Every call has a timeout. */
int logind_connect(struct logind *logind);
/*
 * Both cancel the previous listing if it is still in progress. logind is not asked for its sessions
 * if there is none, as its directory shows.
 */
int logind_list(struct logind *logind);
int logind_list_users(struct logind *logind);
int logind_kill(struct logind *logind, const char *id, int number);
int logind_stop_scope(struct logind *logind, const char *id);

int logind_look_up_manager(struct logind *logind, uid_t uid);
/* Stops the manager and the user's sessions. */
int logind_terminate_user(struct logind *logind, uid_t uid);
/* Sends the signal to all processes in the user's slice. */
int logind_kill_user(struct logind *logind, uid_t uid, int number);
int logind_reset_manager(struct logind *logind, uid_t uid);

/*
 * @unit is the name of a service. @terminal: whether its standard input is of interest, unless it
 * has a uid. Returns 0, and service_found() follows; or -errno.
 */
int logind_look_up_service(struct logind *logind, const char *unit, bool terminal);

#endif /* HVL_LOGIND_H */
