/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One logoff: which sessions there are, how far each one's end has come, what is
 * to be done next, and what the host is told. Never waits: it is told what
 * happened by the functions below, and acts through struct engine_ops. Requests
 * come through transports, one for each way in; there is one request at a time.
 */
#ifndef HVL_ENGINE_H
#define HVL_ENGINE_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stdint.h>

#include "session.h"
#include "userspace/guest/config.h"
#include "userspace/shared/logoff_request.h"

/*
 * A way in, known by its address. It starts a request by engine_request(), gets its reports until
 * one is HV_LOGOFF_DONE, after which the engine is free for the next request, and meanwhile may
 * engine_cancel() it. It calls none of the engine's functions while it takes a report.
 */
struct logoff_transport {
	/*
	 * 0 or -errno; -ESTALE: nobody wants to know any more, and the request is dropped. The
	 * header's id is the transport's business, and 0.
	 */
	int (*report)(void *userdata, const struct hv_logoff_report *report);
	/* HV_LOGOFF_FAILED or _SELECTED, before the last report. May be NULL. */
	void (*outcome)(void *userdata, const struct session *session,
			enum hv_logoff_outcome outcome);
};

/* The world outside; the tests have one of their own. */
struct engine_ops {
	/* Microseconds that only grow. */
	uint64_t (*now)(void *outside);
	/* Call engine_tick() at this time; replaces the time before. */
	void (*wake)(void *outside, uint64_t time);
	/* Ask for all sessions; unless it fails, engine_listed() follows. 0 or -errno. */
	int (*list)(void *outside);
	/* From here on it's the request that ends the session. May be said again. */
	void (*begin)(void *outside, const struct session *session);
	/* TERM, HUP, CONT to all processes of the scope: how many there were, or -errno. */
	int (*signal)(void *outside, const struct session *session);
	/* Kill all processes of the scope, whatever they do. 0 or -errno. */
	int (*kill)(void *outside, const struct session *session);
	/* Ask logind to signal the session: 0, and engine_call_failed() may follow, or -errno. */
	int (*kill_session)(void *outside, const struct session *session, int number);
	/* Ask PID 1 to stop the session's scope. */
	void (*stop_scope)(void *outside, const struct session *session);
	/* Write @text to the session's terminal. */
	void (*notify)(void *outside, const struct session *session, const char *text);
	/* For the journal; @session is NULL when it is about the whole request. */
	void (*audit)(void *outside, const char *id, const struct session *session,
		      const char *outcome, const char *detail);
};

enum engine_phase {
	ENGINE_IDLE,
	ENGINE_STARTING, /* no list of sessions yet */
	ENGINE_GRACE,    /* the users were told */
	ENGINE_ENDING,   /* no way back */
};

struct engine {
	const struct engine_ops *ops;
	void *outside;
	const struct config *config;

	enum engine_phase phase;
	const struct logoff_transport *transport; /* whose request it is */
	void *transport_data;
	struct logoff_request request; /* its message is clean */
	uint64_t started;
	uint64_t grace_end;
	uint64_t deadline;

	struct target *targets;
	size_t target_count;
	unsigned int exempt; /* sessions asked for and left alone, by the last list */

	bool listing; /* engine_listed() is to come */
	uint64_t list_at;
	bool list_failed;    /* the last one */
	unsigned int rounds; /* lists that had new sessions after the grace */

	struct hv_logoff_report last;
};

void engine_init(struct engine *engine, const struct engine_ops *ops, void *outside,
		 const struct config *config);
/* Forgets the request, if there is one, without a word to its transport. */
void engine_drop(struct engine *engine);

/*
 * 0, or -EBUSY while there is a request already: then nothing comes of this one, and the transport
 * answers it with HV_LOGOFF_E_BUSY. A first report may come before this returns, even the last.
 */
int engine_request(struct engine *engine, const struct logoff_transport *transport, void *userdata,
		   const struct logoff_request *request);
/* Whether the request there is came from @transport. */
bool engine_serves(const struct engine *engine, const struct logoff_transport *transport);
/*
 * Does nothing unless it is @transport's. HV_LOGOFF_CANCEL_HOST: the reports go on, to the last
 * one. Any other enum hv_logoff_cancel_reason: somebody has answered already, no report follows.
 */
void engine_cancel(struct engine *engine, const struct logoff_transport *transport,
		   uint32_t reason);
void engine_tick(struct engine *engine);

/* The sessions that there are, or a negative @error. Takes out of @list what it keeps. */
void engine_listed(struct engine *engine, struct session_list *list, int error);
void engine_opened(struct engine *engine);
void engine_removed(struct engine *engine, const char *id);
/* Signals from logind may have been missed. */
void engine_resync(struct engine *engine);
/* -ENOENT: there is no such session. Anything else: try again. */
void engine_call_failed(struct engine *engine, const char *id, int error);

#endif /* HVL_ENGINE_H */
