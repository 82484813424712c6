/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue of calls on a bus. Only a limited number is in progress at a time, because the bus
 * rejects the calls of a connection that waits for too many replies. The others wait in order.
 */
#ifndef HVL_CALL_QUEUE_H
#define HVL_CALL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

struct call_queue {
	sd_bus *bus;
	struct call *first; /* of those that wait */
	struct call *last;
	struct call *sent;
	size_t sent_count;
};

/*
 * The end of a call: @error is 0, or -errno if it failed. @reply is the reply or error message, and
 * NULL if the call was not sent, because the connection was closed.
 */
typedef void (*call_done_t)(void *userdata, sd_bus_message *reply, int error);

/* The queue is empty, and does not own the connection. */
void call_queue_init(struct call_queue *queue, sd_bus *bus);
/* Called before the connection is closed. Frees all calls; with @failed, waiting calls fail. */
void call_queue_done(struct call_queue *queue, bool failed);

/*
 * Sends @message, which belongs to the caller, now or later. Frees @userdata, which is allocated,
 * after @done, which may be NULL, or if this fails. Returns 0, and @done follows; or -errno.
 */
int call_queue_send(struct call_queue *queue, sd_bus_message *message, call_done_t done,
		    void *userdata);

#endif /* HVL_CALL_QUEUE_H */
