/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One logoff over a stream to the guest, seen from the host: what to send, what an answer means,
 * and when to connect again. It has no thread, timer or socket: its owner opens the stream, passes
 * on its bytes and the time, and makes one call at a time.
 *
 * The LOGOFF is followed by a QUERY, whose answer says that the guest has accepted it. If the
 * stream breaks after that, another one is opened, whose first message is a QUERY: it says whether
 * the guest knows the request. Only then the LOGOFF is repeated with the same id, so that this
 * stream gets the reports. A guest that does not know a request which it had accepted has been
 * restarted, and nothing is repeated: the users of the new boot are not those of the request.
 */
#ifndef VMG_VSOCK_REQUEST_H
#define VMG_VSOCK_REQUEST_H

#include "userspace/host/libvmguestos/report.h"
#include "vsock_link.h"

/* Variables, so that unit tests can shorten them. */
struct vsock_times {
	uint32_t connect_ms;  /* for a connection and its negotiation */
	uint32_t accept_ms;   /* for the guest's answer to the first QUERY */
	uint32_t retry_ms;    /* from the end of a stream to the next one */
	uint32_t outage_ms;   /* without any answer before the request is given up */
	uint32_t backstop_ms; /* after the request's timeout, which the guest itself observes */
};

extern struct vsock_times vmg_vsock_times;

struct vsock_request {
	/* An outcome of the request, before the report is complete. */
	void (*session)(void *userdata, const VMSessionResult *outcome);
	void *userdata;
	uint64_t id;
	uint32_t flags; /* VM_LOGOFF_... */
	struct hvl_packet logoff;
	struct vsock_link link;
	bool connected;
	bool sent; /* a LOGOFF was given to a stream: from then on, the guest may carry it out */
	bool accepted; /* the guest has answered about it */
	bool repeats;  /* the QUERY of a new stream has no answer yet */
	bool cancelled;
	int logoff_transaction, query_transaction, cancel_transaction; /* 0: none on this stream */
	bool cancel_answered;
	HRESULT cancel_result;
	int64_t next;         /* vmg_now_ms(): connect at, or give up the stream at; or -1 */
	int64_t outage;       /* give up the request at; -1 while the guest answers */
	int64_t deadline;     /* the latest end; -1 until the LOGOFF is sent */
	struct report report; /* for the task; its text is @text */
	char text[512];
};

/* @options must be valid. @id is not 0. */
void vsock_request_init(struct vsock_request *request, uint64_t id, const VMLogoffOptions *options,
			void (*session)(void *userdata, const VMSessionResult *outcome),
			void *userdata);

/* Whether a stream is to be opened now. */
bool vsock_request_connects(const struct vsock_request *request, int64_t now);
/* The stream is open: there is output. */
void vsock_request_connected(struct vsock_request *request, int64_t now);
/*
 * The stream could not be opened, or has ended. Before a LOGOFF was sent, that completes the report
 * with @error and @text.
 */
void vsock_request_disconnected(struct vsock_request *request, HRESULT error, const char *text,
				int64_t now);
/*
 * Bytes were read. Returns false if the stream is to be closed: call vsock_request_disconnected().
 */
bool vsock_request_receive(struct vsock_request *request, const uint8_t *bytes, size_t count,
			   int64_t now);
/*
 * To be called at vsock_request_next(), and harmless before. Returns false if the stream is to be
 * closed, as above.
 */
bool vsock_request_tick(struct vsock_request *request, int64_t now);
int64_t vsock_request_next(const struct vsock_request *request);
/*
 * Cancels the request, which is not complete, on this stream or the next. The answer is in
 * @cancel_answered and @cancel_result, the outcome in the report.
 */
void vsock_request_cancel(struct vsock_request *request);

/* Sentences for vsock_request_disconnected(): the stream has ended, or there was no negotiation. */
#define VSOCK_LOST_TEXT "The connection to the guest was lost before the logoff ended."
#define VSOCK_NO_ANSWER_TEXT                                                                       \
	"hv-logoffd does not answer by the guest's socket; check that it is running in the guest."

#endif /* VMG_VSOCK_REQUEST_H */
