// SPDX-License-Identifier: GPL-2.0-or-later
#include "call_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * The system bus allows 128 for each connection. The remaining ones are for the calls of a list,
 * which do not use the queue.
 */
#define CALLS_MAX 64

struct call {
	struct call_queue *queue;
	struct call *previous; /* among those that were sent */
	struct call *next;
	sd_bus_message *message;
	sd_bus_slot *slot;
	call_done_t done;
	void *userdata;
};

static void call_free(struct call *call)
{
	sd_bus_slot_unref(call->slot);
	sd_bus_message_unref(call->message);
	free(call->userdata);
	free(call);
}

static void finish(struct call *call, sd_bus_message *reply, int error)
{
	if (call->done)
		call->done(call->userdata, reply, error);
	call_free(call);
}

static void add_sent(struct call_queue *queue, struct call *call)
{
	call->previous = NULL;
	call->next = queue->sent;
	if (call->next)
		call->next->previous = call;
	queue->sent = call;
	queue->sent_count++;
}

static void remove_sent(struct call_queue *queue, struct call *call)
{
	if (call->next)
		call->next->previous = call->previous;
	if (call->previous)
		call->previous->next = call->next;
	else
		queue->sent = call->next;
	queue->sent_count--;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error);

static int send_call(struct call_queue *queue, struct call *call)
{
	int r = sd_bus_call_async(queue->bus, &call->slot, call->message, on_reply, call, 0);

	if (r < 0)
		return r;
	add_sent(queue, call);
	return 0;
}

static struct call *take_first(struct call_queue *queue)
{
	struct call *call = queue->first;

	queue->first = call->next;
	if (!queue->first)
		queue->last = NULL;
	return call;
}

/* A call fails if it cannot be sent: the connection is being closed, or memory is exhausted. */
static void send_waiting(struct call_queue *queue)
{
	while (queue->first && queue->sent_count < CALLS_MAX) {
		struct call *call = take_first(queue);
		int r = send_call(queue, call);

		if (r < 0)
			finish(call, NULL, r);
	}
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct call *call = userdata;
	struct call_queue *queue = call->queue;
	int r = 0;

	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL))
		r = -sd_bus_message_get_errno(reply);
	remove_sent(queue, call);
	send_waiting(queue);
	finish(call, reply, r);
	return 0;
}

void call_queue_init(struct call_queue *queue, sd_bus *bus)
{
	*queue = (struct call_queue){.bus = bus};
}

/* The callbacks may send new calls, so the queue must already be empty. */
void call_queue_done(struct call_queue *queue, bool failed)
{
	struct call *waiting = queue->first;
	struct call *sent = queue->sent;
	struct call *call;

	call_queue_init(queue, NULL);
	while ((call = sent)) {
		sent = call->next;
		call_free(call);
	}
	while ((call = waiting)) {
		waiting = call->next;
		if (failed)
			finish(call, NULL, -ENOTCONN);
		else
			call_free(call);
	}
}

int call_queue_send(struct call_queue *queue, sd_bus_message *message, call_done_t done,
		    void *userdata)
{
	struct call *call = calloc(1, sizeof(*call));
	int r = 0;

	if (!call) {
		free(userdata);
		return -ENOMEM;
	}
	*call = (struct call){
		.queue = queue,
		.message = sd_bus_message_ref(message),
		.done = done,
		.userdata = userdata,
	};
	if (queue->sent_count < CALLS_MAX && !queue->first) {
		r = send_call(queue, call);
		if (r < 0)
			call_free(call);
		return r;
	}
	if (queue->last)
		queue->last->next = call;
	else
		queue->first = call;
	queue->last = call;
	return 0;
}
