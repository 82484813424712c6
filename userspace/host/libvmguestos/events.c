// SPDX-License-Identifier: GPL-2.0-or-later
/* Each sink has a thread, which waits for the events of its source and calls the sink. */
#include "events.h"

#include <stdatomic.h>

#include "iid.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

struct events {
	IVMVirtualMachineEvents *sink;
	IVMVirtualMachineEvents2 *extended; /* the same object, or NULL */
	struct events_source *source;
	vmg_thread thread;
	atomic_bool stopped;
	/* Used by the thread alone: */
	enum { UNKNOWN, REPORTS, DOES_NOT_REPORT } reporting;
	bool free_self; /* events_stop() was called by the thread itself */
};

/* One Advise() without its Unadvise(). */
struct listener {
	struct listener *next;
	uint32_t cookie;
	struct events *events;
};

/* What this thread delivers; NULL in threads that were not started here. */
static _Thread_local struct events *thread_events;

static void events_free(struct events *events)
{
	events->source->free(events->source);
	if (events->extended)
		events->extended->lpVtbl->Release(events->extended);
	if (events->sink)
		events->sink->lpVtbl->Release(events->sink);
	free(events);
}

bool vmg_events_stopped(const struct events *events)
{
	return atomic_load(&events->stopped);
}

void vmg_events_session(struct events *events, const VMLogoffEvent *event)
{
	_cleanup_free_ char *user = text_clean_line_dup(event->user);
	_cleanup_free_ char *session = text_clean_line_dup(event->session);
	VMLogoffEvent clean = *event;

	if (!user || !session)
		return;
	clean.user = user;
	clean.session = session;
	events->sink->lpVtbl->OnGuestLogoff(events->sink, event->type);
	if (events->extended && !vmg_events_stopped(events))
		events->extended->lpVtbl->OnSessionEnded(events->extended, &clean);
}

void vmg_events_reporting(struct events *events, bool reports)
{
	int before = (int)events->reporting;

	events->reporting = reports ? REPORTS : DOES_NOT_REPORT;
	if (events->extended && (int)events->reporting != before)
		events->extended->lpVtbl->OnReporting(events->extended, reports);
}

void vmg_events_end(struct events *events, HRESULT reason)
{
	if (events->extended)
		events->extended->lpVtbl->OnEnd(events->extended, reason);
}

static VMG_THREAD_RESULT run(void *pointer)
{
	struct events *events = pointer;

	thread_events = events;
	while (events->source->next(events->source, events) && !vmg_events_stopped(events))
		;
	if (events->free_self)
		events_free(events);
	return 0;
}

static HRESULT connect_sink(struct events *events, IVMVirtualMachineEvents *sink)
{
	void *object;

	if (FAILED(sink->lpVtbl->QueryInterface(sink, &DIID_IVMVirtualMachineEvents, &object)))
		return CONNECT_E_CANNOTCONNECT;
	events->sink = object;
	if (SUCCEEDED(sink->lpVtbl->QueryInterface(sink, &IID_IVMVirtualMachineEvents2, &object)))
		events->extended = object;
	return S_OK;
}

static HRESULT events_start(struct events_source *source, IVMVirtualMachineEvents *sink,
			    struct events **out)
{
	struct events *events = calloc(1, sizeof(*events));
	HRESULT hr;

	if (!events) {
		source->free(source);
		return E_OUTOFMEMORY;
	}
	events->source = source;
	atomic_init(&events->stopped, false);
	hr = connect_sink(events, sink);
	if (hr == S_OK && !vmg_thread_start(&events->thread, run, events))
		hr = E_OUTOFMEMORY;
	if (hr == S_OK)
		*out = events;
	else
		events_free(events);
	return hr;
}

static void events_stop(struct events *events)
{
	atomic_store(&events->stopped, true);
	events->source->stop(events->source);
	if (thread_events == events) {
		events->free_self = true;
		vmg_thread_detach(events->thread);
		return;
	}
	vmg_thread_join(events->thread);
	events_free(events);
}

static void listener_free(struct listener *listener)
{
	events_stop(listener->events);
	free(listener);
}

void vmg_listeners_init(struct listeners *listeners)
{
	*listeners = (struct listeners){0};
	vmg_lock_init(&listeners->lock);
}

void vmg_listeners_done(struct listeners *listeners)
{
	struct listener *listener;

	while ((listener = listeners->first)) {
		listeners->first = listener->next;
		listener_free(listener);
	}
	vmg_lock_done(&listeners->lock);
}

HRESULT vmg_listeners_add(struct listeners *listeners, struct events_source *source,
			  IVMVirtualMachineEvents *sink, uint32_t *cookie)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	HRESULT hr;

	if (!listener) {
		source->free(source);
		return E_OUTOFMEMORY;
	}
	hr = events_start(source, sink, &listener->events);
	if (FAILED(hr)) {
		free(listener);
		return hr;
	}
	vmg_lock_take(&listeners->lock);
	listener->cookie = ++listeners->last_cookie;
	listener->next = listeners->first;
	listeners->first = listener;
	*cookie = listener->cookie;
	vmg_lock_give(&listeners->lock);
	return S_OK;
}

static struct listener *take(struct listeners *listeners, uint32_t cookie)
{
	struct listener **link = &listeners->first, *found;

	while (*link && (*link)->cookie != cookie)
		link = &(*link)->next;
	found = *link;
	if (found)
		*link = found->next;
	return found;
}

HRESULT vmg_listeners_remove(struct listeners *listeners, uint32_t cookie)
{
	struct listener *listener;

	vmg_lock_take(&listeners->lock);
	listener = take(listeners, cookie);
	vmg_lock_give(&listeners->lock);
	if (!listener)
		return CONNECT_E_NOCONNECTION;
	listener_free(listener);
	return S_OK;
}
