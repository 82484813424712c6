/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One logoff by KVP, seen from the host: which request to set, what an answer means, and when to
 * stop waiting. It has no thread, timer or socket: its owner reads the guest's items every
 * poll_ms, passes them on, and makes one call at a time.
 *
 * Clocks: a request is valid in one boot of the guest (boot=) and for a limited time (issued=,
 * life=), which the guest checks against its own clock. If that clock is wrong, the guest refuses
 * the request and reports its time, and the request is issued once more with that time. boot= and
 * the new id still ensure that no request is carried out in another boot, or twice.
 */
#ifndef VMG_KVP_MACHINE_H
#define VMG_KVP_MACHINE_H

#include "userspace/host/libvmguestos/report.h"
#include "userspace/shared/kvp_sessions.h"
#include "userspace/shared/kvp_value.h"

/* Variables, so that unit tests can shorten them. */
struct kvp_times {
	uint32_t poll_ms;     /* the interval at which the guest's items are read */
	uint32_t life;        /* seconds within which the guest must begin */
	uint32_t backstop_ms; /* after the request's timeout, which the guest itself observes */
	uint32_t sessions_ms; /* after the result, for the outcomes of sessions */
};

extern struct kvp_times vmg_kvp_times;

/* The items of the guest, as one read returned them. */
struct kvp_guest_items {
	/* The value of an item, "" if there is none. Never NULL. */
	const char *(*value)(const struct kvp_guest_items *items, const char *name);
};

/* The host, as a transport reaches it. Each function may wait, for at most VMG_REPLY_MS. */
struct kvp_host {
	/* Reads an item of the host; "" if there is none. */
	HRESULT (*get)(struct kvp_host *host, const char *name, char value[KVP_TEXT_MAX + 1]);
	/* Sets an item of the host, which may not exist yet. */
	HRESULT (*put)(struct kvp_host *host, const char *name, const char *value);
	/* What the host said about the last error; "" if nothing. Never NULL. */
	const char *(*error_text)(struct kvp_host *host);
	/* An outcome of the request, before the report is complete. May be NULL. */
	void (*session)(struct kvp_host *host, const VMSessionResult *outcome);
	int64_t (*now_ms)(struct kvp_host *host); /* of a clock that is never adjusted */
	int64_t (*time)(struct kvp_host *host);   /* seconds since 1970 */
};

/* The clocks of this computer. */
int64_t kvp_host_now_ms(struct kvp_host *host);
int64_t kvp_host_time(struct kvp_host *host);

struct kvp_machine {
	struct kvp_host *host;
	uint64_t id;    /* of the task */
	bool begun;     /* the guest has answered this request */
	bool cancelled; /* kvp_machine_cancel() was called */
	int64_t deadline;
	unsigned int attempt;
	uint32_t flags; /* VM_LOGOFF_... */
	struct kvp_request request;
	struct kvp_answer result;  /* has no id until the guest has reported one */
	int64_t sessions_deadline; /* to wait for its outcomes */
	struct report report;      /* for the task; its text is @text */
	char text[512];
};

/* @options must be valid. @id is not 0. */
void kvp_machine_init(struct kvp_machine *machine, struct kvp_host *host, uint64_t id,
		      const VMLogoffOptions *options);

/* Whether these are the items of a guest that accepts requests. */
bool kvp_machine_is_available(const struct kvp_guest_items *items);

/* The port of AF_VSOCK on which the guest accepts requests, below 1024; 0 if it does not. */
uint32_t kvp_machine_vsock_port(const struct kvp_guest_items *items);

/*
 * Issues the request. An error means that it was not issued, and the report has its text. If the
 * guest is busy with another request, the result is S_OK, and the report is complete.
 */
HRESULT kvp_machine_begin(struct kvp_machine *machine, const struct kvp_guest_items *items);

/* The guest's items were read. Does nothing once the report is complete. */
void kvp_machine_poll(struct kvp_machine *machine, const struct kvp_guest_items *items);

/* They could not be read: completes with that error, or the result. @text may be "". */
void kvp_machine_fail(struct kvp_machine *machine, HRESULT error, const char *text);

/*
 * Returns the item that cancels the request, which is not complete. From then on, it is not issued
 * again. The outcome is in a later answer.
 */
void kvp_machine_cancel(struct kvp_machine *machine, char value[KVP_TEXT_MAX + 1]);

/*
 * Cancels the request in progress, which may be another program's, unless @id is neither 0 nor that
 * of its task. E_FAIL if sessions are being ended, ERROR_NOT_FOUND if there is no such request.
 */
HRESULT kvp_machine_cancel_any(struct kvp_host *host, const struct kvp_guest_items *items,
			       uint64_t id);

#endif /* VMG_KVP_MACHINE_H */
