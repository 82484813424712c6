/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated guest for tests of the engine: sessions that end on a signal, or only when they are
 * killed, and a logind that answers late or not at all. The clock does not advance while an event
 * is pending, and then jumps to the next time that the engine or a session waits for.
 */
#ifndef FAKE_SYSTEM_H
#define FAKE_SYSTEM_H

#include "userspace/guest/logoff/engine.h"

#define FAKE_SESSIONS_MAX 16
#define FAKE_MANAGERS_MAX 4
#define FAKE_USERS_MAX    16

/* The weakest method that ends a session. */
enum ends_by { BY_SIGNAL, BY_KILL, BY_KILL_SESSION, BY_STOP, BY_NOTHING };

struct fake_session {
	const char *id;
	const char *user;
	uid_t uid;
	const char *class;
	const char *seat;
	const char *tty;
	pid_t leader;
	enum ends_by ends_by;
	bool open;
	uint64_t opens_at;      /* later, unless 0 */
	unsigned int returns;   /* how often a getty logs the user on again */
	bool no_scope;          /* only logind can reach its processes */
	bool no_process;        /* the scope is empty */
	uint64_t opening_until; /* it ignores signals until logind has opened it */
	bool frozen;            /* its processes only handle SIGKILL */
	int kill_fails;         /* the number of calls to logind that fail */
	int kill_error;         /* with this -errno */
	int stop_fails;         /* that many calls to PID 1 fail, with kill_error */
	uint64_t ends_at;       /* closes without the engine at this time, unless 0 */
	bool untold;            /* no terminal accepts a notice */
	bool removal_lost;      /* logind sends no SessionRemoved */

	bool watched; /* engine_states_changed() is called when it has been opened */
	bool removal_due;
	unsigned int failures_due;
	unsigned int notices;
	bool begun;
	unsigned int signalled;
	unsigned int killed;
	unsigned int kills_by_logind;
	int last_kill;
	unsigned int stopped;
	unsigned int outcomes[HV_LOGOFF_SELECTED + 1];
	char notice[2048]; /* the last one */
};

/* A user's manager, and all else that runs in the same slice. */
struct fake_manager {
	uid_t uid;
	const char *user;
	enum ends_by ends_by; /* BY_SIGNAL: ends when it is stopped */
	bool runs;            /* processes, or only the unit's state is not inactive yet */
	bool active;
	bool lingers;
	bool unknown; /* there is no cgroup v2 */
	int state_error;
	bool terminal; /* a program has one */
	unsigned int notices;
	char notice[2048];   /* the last one */
	unsigned int checks; /* whether it runs */
	unsigned int lookups_due;
	unsigned int lookups;
	unsigned int stopped;
	unsigned int killed;
	unsigned int reset;
	uint64_t ends_at;
};

struct fake_system {
	struct engine engine;
	struct config config;
	uint64_t time;
	uint64_t wake;
	struct fake_session sessions[FAKE_SESSIONS_MAX];
	size_t count;
	struct fake_manager managers[FAKE_MANAGERS_MAX];
	size_t manager_count;
	unsigned int reopen; /* how often a session that ends is followed by a new one */

	/* The outcomes of users, as a transport or the journal receives them, and the last one. */
	unsigned int user_outcomes[HV_LOGOFF_UNTOLD + 1];
	unsigned int user_audits[HV_LOGOFF_UNTOLD + 1];
	uid_t outcome_uid;
	char outcome_user[32], outcome_session[32];

	const struct outside_user *outside;
	size_t outside_count;
	bool outside_due;
	bool outside_hangs;
	int outside_error;
	unsigned int searches;

	unsigned int notice_rounds;

	bool users_due;
	int users_error;
	unsigned int user_lists, lists;

	/* A session that logind opens before it handles the call to stop a manager. */
	const char *slips_in;

	unsigned int lookups;
	bool resolve_hangs;
	int resolve_error;
	bool user_has_uid; /* whether the request's user exists */
	uid_t uid;

	bool no_logins; /* they are refused */
	int no_logins_error;
	char no_logins_text[HV_LOGOFF_MESSAGE_SIZE];

	bool list_due;
	uint64_t logind_down_until;
	bool logind_hangs; /* accepts calls, but never answers */

	void (*changed)(void); /* the engine's operation, or NULL */
	unsigned int requests; /* that the engine started */
	struct logoff_request last_request;
	unsigned int audits_ended, audits_failed, audits_by_itself;
	const char *audited_id; /* that every audit must have, unless NULL */
	char last_outcome[32];
};
extern struct fake_system fake;

/* With the default configuration and no sessions. 0 or -errno. */
int fake_system_init(void);
void fake_system_done(void);
/* As a daemon that starts does: the new engine has no request. */
void start_engine(void);

struct fake_session *add_session(const char *id, const char *user, enum ends_by ends_by);
/* @count sessions with the ids 1, 2, … */
void add_sessions(unsigned int count, const char *user, enum ends_by ends_by);
/* Of the user of @target. It ends some time after it was stopped or killed. */
struct fake_manager *add_manager(const struct fake_session *target, enum ends_by ends_by);
/* Of a lingering user without a session. */
struct fake_manager *add_lingering(uid_t uid, const char *user);
struct fake_session *fake_session_by_id(const char *id);
unsigned int open_sessions(void);
unsigned int total_notices(void);

/* What a transport does with the outcome of a user. */
void record_user_outcome(const struct outcome *outcome);

/* Answers the engine's last list call. */
void answer_list(void);
/* Lets @seconds pass, or fewer if the request completes earlier. */
void run_for(unsigned int seconds);

#endif /* FAKE_SYSTEM_H */
