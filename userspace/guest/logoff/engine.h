/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state machine of a logoff request: it selects the sessions, notifies the users, ends the
 * sessions and then the user managers in steps, and reports the progress. It never blocks: events
 * arrive through the functions below, and it acts through struct engine_ops. Requests arrive
 * through transports; there is one request at a time.
 */
#ifndef HVL_ENGINE_H
#define HVL_ENGINE_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stdint.h>

#include "managers.h"
#include "notices.h"
#include "outcome.h"
#include "result.h"
#include "session.h"
#include "targets.h"
#include "userspace/guest/config.h"
#include "userspace/shared/logoff_request.h"

/* A user with processes without a session. */
struct outside_user {
	uid_t uid;
	const char *user; /* empty if unknown */
	unsigned int processes;
};

/*
 * A source of requests, identified by its address. It starts a request with engine_request() and
 * receives reports until one is HV_LOGOFF_DONE; then the engine accepts the next request. Until
 * then, it may call engine_cancel(). The callbacks must not call functions of the engine.
 */
struct logoff_transport {
	const char *name; /* for the administrator */
	/*
	 * Returns 0 or -errno; on -ESTALE, the engine drops the request. The id in the header is 0;
	 * the transport sets it.
	 */
	int (*report)(void *userdata, const struct hv_logoff_report *report);
	/*
	 * The outcomes, before the last report; those with HV_LOGOFF_ENDED last. The strings are
	 * valid until it returns. May be NULL.
	 */
	void (*outcome)(void *userdata, const struct outcome *outcome);
};

/* What the engine needs from the daemon. */
struct engine_ops {
	/* Microseconds of a monotonic clock, never 0. */
	uint64_t (*now)(void *userdata);
	/* Call engine_tick() at @time; replaces the previous time. */
	void (*wake)(void *userdata, uint64_t time);
	/*
	 * Look up the request's user, unless @user is empty, and the exempt users. Returns 0, and
	 * engine_resolved() or engine_resolve_failed() follows; or -errno.
	 */
	int (*resolve)(void *userdata, const char *user);
	/* Request a list of all users. Returns 0, and engine_users_listed() follows; or -errno. */
	int (*list_users)(void *userdata);
	/* Request a list of all sessions. Returns 0, and engine_listed() follows; or -errno. */
	int (*list)(void *userdata);
	/*
	 * Whether logind is still opening the session. If so, engine_states_changed() follows when
	 * that may be over.
	 */
	bool (*is_opening)(void *userdata, const struct session *session);
	/* From now on, the request ends the session. May be called again for the same session. */
	void (*begin)(void *userdata, const struct session *session);
	/*
	 * Send TERM, HUP and CONT to the processes of the scope. Returns their number; -EBUSY if
	 * they cannot handle signals; or another -errno.
	 */
	int (*signal)(void *userdata, const struct session *session);
	/* Kill the processes of the scope and all that they start. Returns 0 or -errno. */
	int (*kill)(void *userdata, const struct session *session);
	/*
	 * Request logind to signal the session. Returns 0, and engine_call_failed() may follow; or
	 * -errno.
	 */
	int (*kill_session)(void *userdata, const struct session *session, int number);
	/* Request PID 1 to stop the session's scope. engine_call_failed() may follow. */
	void (*stop_scope)(void *userdata, const struct session *session);
	/* Whether a process runs in the user's slice: 1, 0, or -errno if that is not known. */
	int (*user_runs)(void *userdata, uid_t uid);
	/* Request the manager's state. Returns 0, and engine_manager_found() follows; or -errno. */
	int (*look_up_manager)(void *userdata, uid_t uid);
	/* Request logind to stop the manager, and sessions of the user. Returns 0 or -errno. */
	int (*stop_manager)(void *userdata, uid_t uid);
	/* Kill the processes in the user's slice. */
	void (*kill_user)(void *userdata, uid_t uid);
	/* The manager was killed: clear the failed state of its unit. */
	void (*reset_manager)(void *userdata, uid_t uid);
	/*
	 * Refuse logons from now on, with @text. Returns 0, also if they are already refused; or
	 * -errno: the request then fails.
	 */
	int (*begin_no_logins)(void *userdata, const char *text);
	/* Follows begin_no_logins(), whatever the end of the request. */
	void (*end_no_logins)(void *userdata);
	/*
	 * Find the users with processes without a session; replaces the previous search. Returns 0,
	 * and engine_outside_found() follows within some seconds; or -errno.
	 */
	int (*find_outside)(void *userdata);
	/*
	 * The transport has received engine->last, or, in ENGINE_IDLE, there is no request any
	 * more. Must not call functions of the engine.
	 */
	void (*changed)(void *userdata);
	/* From now on, notices are new ones. Each terminal gets each notice once. */
	void (*begin_notices)(void *userdata);
	/* Write @text to the session's terminals. Returns whether the user can see it somewhere. */
	bool (*notify)(void *userdata, const struct session *session, const char *text);
	/* Whether a program below the user's manager has a terminal. */
	bool (*manager_has_terminal)(void *userdata, uid_t uid);
	/* Write @text to the terminals of these programs. Returns whether one has it. */
	bool (*notify_manager)(void *userdata, uid_t uid, const char *text);
	/* Write a journal entry; @session is NULL if it is about the whole request. */
	void (*audit)(void *userdata, const char *id, const struct session *session,
		      const char *outcome, const char *detail);
	/* Write a journal entry about an outcome of a user. */
	void (*audit_user)(void *userdata, const char *id, const struct outcome *outcome);
};

enum engine_phase {
	ENGINE_IDLE,
	ENGINE_STARTING, /* no list of sessions yet */
	ENGINE_GRACE,    /* the users have been notified */
	ENGINE_ENDING,   /* cannot be cancelled any more */
};

struct engine {
	const struct engine_ops *ops;
	void *userdata; /* of the ops */
	const struct config *config;

	enum engine_phase phase;
	const struct logoff_transport *transport; /* the source of the request */
	void *transport_data;
	struct logoff_request request; /* its message has been cleaned */
	uint64_t started;
	uint64_t grace_end;
	uint64_t deadline;

	bool no_logins;      /* end_no_logins() must be called */
	bool resolving;      /* waiting for engine_resolved() */
	bool user_has_uid;   /* otherwise the request's user is compared by name */
	uid_t uid;           /* of the request's user */
	uint64_t first_list; /* when it was requested */

	struct targets targets;
	unsigned int exempt;        /* selected sessions in the last list that may not be ended */
	struct session_list others; /* in the last list, that the request does not end */
	struct managers managers;   /* of the users of the targets, and of listed users */
	struct notices notices;     /* to the users of the targets and managers */
	uint64_t returns_until;     /* users may return until then */

	bool listing;       /* waiting for engine_listed() or engine_users_listed() */
	bool listing_users; /* waiting for engine_users_listed() */
	bool users_listed;
	uint64_t list_at;
	uint64_t list_requested;
	uint64_t list_not_before; /* for new sessions */
	bool list_failed;         /* the last list could not be read */
	bool list_is_old;         /* sessions may have been opened since it was requested */

	/* Not NULL: what the request finishes with once the processes outside have been found. */
	void (*conclusion)(struct result *result, const struct engine *engine);
	uint64_t conclude_at; /* at the latest */
	struct outside_users {
		struct outside_user *items; /* users that the request selects */
		size_t count;
	} outside;
	bool outside_searching;
	uint64_t outside_found; /* when; 0: never */

	struct hv_logoff_report last;
};

void engine_init(struct engine *engine, const struct engine_ops *ops, void *userdata,
		 const struct config *config);
/* Drops the request, if there is one, without a report to its transport. */
void engine_drop(struct engine *engine);

/*
 * Returns 0, or -EBUSY while there is another request: the transport then answers this one with
 * HV_LOGOFF_E_BUSY. Reports, even the last one, may be sent before this returns.
 */
int engine_request(struct engine *engine, const struct logoff_transport *transport, void *userdata,
		   const struct logoff_request *request);
/* Whether there is a request, and it is from @transport. */
bool engine_serves(const struct engine *engine, const struct logoff_transport *transport);
/*
 * Cancels the request if it is from @transport. With HV_LOGOFF_CANCEL_HOST, the reports continue
 * up to the last one. With any other reason, the request has already been answered, and no report
 * follows.
 */
void engine_cancel(struct engine *engine, const struct logoff_transport *transport,
		   uint32_t reason);
/*
 * Cancels the request, whatever its transport, which receives the result as usual. @uid is the
 * administrator's. Returns 0; -ESRCH without a request; or -EBUSY once sessions are being ended.
 */
int engine_cancel_in_guest(struct engine *engine, uid_t uid);
void engine_tick(struct engine *engine);
struct steps_context engine_steps_context(const struct engine *engine);

/* @uid of the request's user; NULL: there is no such user, or the request is for all users. */
void engine_resolved(struct engine *engine, const uid_t *uid);
/* It is not known whether @name, the request's user or an exempt one, exists. */
void engine_resolve_failed(struct engine *engine, const char *name, int error);
/* All users whom logind lists, or a negative @error. */
void engine_users_listed(struct engine *engine, const struct listed_user *users, size_t count,
			 int error);
/* All sessions, or a negative @error. Sessions that the engine keeps are moved out of @list. */
void engine_listed(struct engine *engine, struct session_list *list, int error);
/* A session has been opened, which engine_found() may follow. */
void engine_opened(struct engine *engine);
void engine_found(struct engine *engine, const struct session *session);
void engine_removed(struct engine *engine, const char *id);
/* Sessions that were being opened may be open. */
void engine_states_changed(struct engine *engine);
/* Signals from logind may have been missed. */
void engine_resync(struct engine *engine);
/* -ENOENT: the session does not exist. After any other error, the step is retried. */
void engine_call_failed(struct engine *engine, const char *id, int error);
/* An enum manager_state or -errno. */
void engine_manager_found(struct engine *engine, uid_t uid, int state);
/* The answer to find_outside(); not all users if the search took too long. */
void engine_outside_found(struct engine *engine, const struct outside_user *users, size_t count);

#endif /* HVL_ENGINE_H */
