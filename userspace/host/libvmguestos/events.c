// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each sink has a connection to the host and a thread that reads it and calls the sink. Shutting
 * down the connection ends the thread's wait.
 */
#include "events.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "error.h"
#include "iid.h"
#include "json.h"
#include "userspace/shared/names.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

struct events {
	IVMVirtualMachineEvents *sink;
	IVMVirtualMachineEvents2 *extended; /* the same object, or NULL */
	struct connection connection;
	pthread_t thread;
	atomic_bool stopped;
	/* Used by the thread alone: */
	enum { UNKNOWN, REPORTS, DOES_NOT_REPORT } reporting;
	bool free_self; /* vmg_events_stop() was called by the thread itself */
};

/* What this thread delivers; NULL in threads that were not started here. */
static _Thread_local struct events *thread_events;

static void events_free(struct events *events)
{
	vmg_connection_close(&events->connection);
	if (events->extended)
		events->extended->lpVtbl->Release(events->extended);
	if (events->sink)
		events->sink->lpVtbl->Release(events->sink);
	free(events);
}

static bool get_type(const json_t *object, VMLogoffType *type)
{
	size_t kind = 0;

	if (strcmp(vmg_json_text(object, "outcome"), outcome_names[HV_LOGOFF_ENDED]) != 0 ||
	    !NAME_FIND(kind_names, vmg_json_text(object, "kind"), &kind))
		return false;
	*type = (VMLogoffType)kind;
	return true;
}

static void deliver_session(struct events *events, const json_t *object)
{
	_cleanup_free_ char *user = text_clean_line_dup(vmg_json_text(object, "user"));
	_cleanup_free_ char *session = text_clean_line_dup(vmg_json_text(object, "session"));
	VMLogoffEvent event = {
		.uid = vmg_json_count(object, "uid"),
		.user = user,
		.session = session,
		.task = vmg_json_id(object, "id"),
		.lost = vmg_json_count(object, "lost"),
	};

	/* Other outcomes belong to the SessionResults of a task. */
	if (!user || !session || !get_type(object, &event.type))
		return;
	events->sink->lpVtbl->OnGuestLogoff(events->sink, event.type);
	if (events->extended && !atomic_load(&events->stopped))
		events->extended->lpVtbl->OnSessionEnded(events->extended, &event);
}

static void deliver_reporting(struct events *events, const json_t *component)
{
	const char *version = vmg_json_text(component, "version");
	int before = (int)events->reporting;
	bool reports = json_is_true(json_object_get(component, "negotiated")) && *version &&
		       strcmp(version, "1.0") != 0;

	events->reporting = reports ? REPORTS : DOES_NOT_REPORT;
	if (events->extended && (int)events->reporting != before)
		events->extended->lpVtbl->OnReporting(events->extended, reports);
}

static void deliver_end(struct events *events, HRESULT reason)
{
	if (events->extended)
		events->extended->lpVtbl->OnEnd(events->extended, reason);
}

/* Returns false after the last object. */
static bool deliver(struct events *events, const json_t *object)
{
	const char *kind = vmg_json_text(object, "event");
	const json_t *components = json_object_get(object, "components");

	if (strcmp(kind, "session") == 0)
		deliver_session(events, object);
	else if (strcmp(kind, "component") == 0)
		deliver_reporting(events, object);
	else if (components)
		deliver_reporting(events, json_object_get(components, "logoff"));
	else if (!*kind)
		deliver_end(events, vmg_hresult_in(object));
	return *kind || components;
}

static bool deliver_next(struct events *events)
{
	json_auto_t *object = NULL;
	int ret = vmg_connection_receive(&events->connection, -1, &object);

	if (atomic_load(&events->stopped))
		return false;
	if (ret > 0)
		return deliver(events, object);
	deliver_end(events, vmg_hresult_of(ret));
	return false;
}

static void *run(void *pointer)
{
	struct events *events = pointer;

	thread_events = events;
	while (deliver_next(events) && !atomic_load(&events->stopped))
		;
	if (events->free_self)
		events_free(events);
	return NULL;
}

/* All signals are blocked in the thread, so that the program's own threads handle them. */
static int start_thread(struct events *events)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&events->thread, NULL, run, events);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

/* The status is requested after the watch: it states whether the guest reports sessions. */
static HRESULT watch(struct events *events, const char *directory)
{
	json_auto_t *object = NULL;
	int ret = vmg_connection_open(&events->connection, directory);

	if (ret == 0)
		ret = vmg_connection_send(&events->connection,
					  json_pack("{s:s}", "command", "watch"));
	if (ret == 0)
		ret = vmg_connection_receive(&events->connection, vmg_now_ms() + VMG_REPLY_MS,
					     &object);
	if (ret < 0)
		return vmg_hresult_of(ret);
	if (!json_object_get(object, "event")) {
		vmg_last_error(vmg_json_text(object, "error"));
		return vmg_hresult_in(object);
	}
	return vmg_hresult_of(
		vmg_connection_send(&events->connection, json_pack("{s:s}", "command", "status")));
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

HRESULT vmg_events_start(const char *directory, IVMVirtualMachineEvents *sink, struct events **out)
{
	struct events *events = calloc(1, sizeof(*events));
	HRESULT hr;

	if (!events)
		return E_OUTOFMEMORY;
	events->connection.fd = -1;
	atomic_init(&events->stopped, false);
	hr = connect_sink(events, sink);
	if (hr == S_OK)
		hr = watch(events, directory);
	if (hr == S_OK)
		hr = vmg_hresult_of(start_thread(events));
	if (hr == S_OK)
		*out = events;
	else
		events_free(events);
	return hr;
}

void vmg_events_stop(struct events *events)
{
	atomic_store(&events->stopped, true);
	shutdown(events->connection.fd, SHUT_RDWR);
	if (thread_events == events) {
		events->free_self = true;
		pthread_detach(pthread_self());
		return;
	}
	pthread_join(events->thread, NULL);
	events_free(events);
}
