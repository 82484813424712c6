// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whoever listens has a connection to the host, and a thread that waits on it and calls. It is
 * ended by shutting the connection down: then there is nothing to wait for any more.
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
	IVMVirtualMachineEvents2 *extended; /* the same object; NULL if it doesn't have it */
	struct connection connection;
	pthread_t thread;
	atomic_bool stopped;
	/* Of the thread: */
	enum { UNKNOWN, REPORTS, SILENT } reporting;
	bool left; /* it is the one that stopped it, and frees it */
};

/* Whose thread this is, if it is one of ours. */
static _Thread_local struct events *mine;

static void events_free(struct events *events)
{
	vmg_connection_close(&events->connection);
	if (events->extended)
		events->extended->lpVtbl->Release(events->extended);
	if (events->sink)
		events->sink->lpVtbl->Release(events->sink);
	free(events);
}

static bool take_type(const json_t *object, VMLogoffType *type)
{
	size_t kind = 0;

	if (strcmp(vmg_json_text(object, "outcome"), outcome_names[HV_LOGOFF_ENDED]) != 0 ||
	    !NAME_FIND(kind_names, vmg_json_text(object, "kind"), &kind))
		return false;
	*type = (VMLogoffType)kind;
	return true;
}

static void tell_session(struct events *events, const json_t *object)
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

	/* What a logoff could not end, or only would, is its task's matter. */
	if (!user || !session || !take_type(object, &event.type))
		return;
	events->sink->lpVtbl->OnGuestLogoff(events->sink, event.type);
	if (events->extended && !atomic_load(&events->stopped))
		events->extended->lpVtbl->OnSessionEnded(events->extended, &event);
}

static void tell_reporting(struct events *events, const json_t *component)
{
	const char *version = vmg_json_text(component, "version");
	int before = (int)events->reporting;
	bool reports = json_is_true(json_object_get(component, "negotiated")) && *version &&
		       strcmp(version, "1.0") != 0;

	events->reporting = reports ? REPORTS : SILENT;
	if (events->extended && (int)events->reporting != before)
		events->extended->lpVtbl->OnReporting(events->extended, reports);
}

static void tell_end(struct events *events, HRESULT reason)
{
	if (events->extended)
		events->extended->lpVtbl->OnEnd(events->extended, reason);
}

/* Whether there may be more. */
static bool tell(struct events *events, const json_t *object)
{
	const char *kind = vmg_json_text(object, "event");
	const json_t *components = json_object_get(object, "components");

	if (strcmp(kind, "session") == 0)
		tell_session(events, object);
	else if (strcmp(kind, "component") == 0)
		tell_reporting(events, object);
	else if (components)
		tell_reporting(events, json_object_get(components, "logoff"));
	else if (!*kind)
		tell_end(events, vmg_hresult_in(object));
	return *kind || components;
}

static bool tell_next(struct events *events)
{
	json_auto_t *object = NULL;
	int ret = vmg_connection_receive(&events->connection, -1, &object);

	if (atomic_load(&events->stopped))
		return false;
	if (ret > 0)
		return tell(events, object);
	tell_end(events, vmg_hresult_of(ret));
	return false;
}

static void *run(void *pointer)
{
	struct events *events = pointer;

	mine = events;
	while (tell_next(events) && !atomic_load(&events->stopped))
		;
	if (events->left)
		events_free(events);
	return NULL;
}

/* The program's signals are for the program's threads. */
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

/* The status that is asked for behind it says whether the guest reports at all. */
static HRESULT ask(struct events *events, const char *folder)
{
	json_auto_t *object = NULL;
	int ret = vmg_connection_open(&events->connection, folder);

	if (ret == 0)
		ret = vmg_connection_send(&events->connection,
					  json_pack("{s:s}", "command", "watch"));
	if (ret == 0)
		ret = vmg_connection_receive(&events->connection, vmg_now_ms() + VMG_ANSWER_MS,
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
	void *face;

	if (FAILED(sink->lpVtbl->QueryInterface(sink, &DIID_IVMVirtualMachineEvents, &face)))
		return CONNECT_E_CANNOTCONNECT;
	events->sink = face;
	if (SUCCEEDED(sink->lpVtbl->QueryInterface(sink, &IID_IVMVirtualMachineEvents2, &face)))
		events->extended = face;
	return S_OK;
}

HRESULT vmg_events_start(const char *folder, IVMVirtualMachineEvents *sink, struct events **out)
{
	struct events *events = calloc(1, sizeof(*events));
	HRESULT hr;

	if (!events)
		return E_OUTOFMEMORY;
	events->connection.fd = -1;
	atomic_init(&events->stopped, false);
	hr = connect_sink(events, sink);
	if (hr == S_OK)
		hr = ask(events, folder);
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
	if (mine == events) {
		events->left = true;
		pthread_detach(pthread_self());
		return;
	}
	pthread_join(events->thread, NULL);
	events_free(events);
}
