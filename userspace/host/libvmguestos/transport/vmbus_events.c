// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of the logoff component, on a control socket of hvhost. Shutting down the connection ends
 * the thread's wait.
 */
#include <string.h>
#include <sys/socket.h>

#include "userspace/host/libvmguestos/error.h"
#include "userspace/host/libvmguestos/hvhost.h"
#include "userspace/host/libvmguestos/json.h"
#include "userspace/shared/names.h"
#include "userspace/shared/util.h"

struct vmbus_events {
	struct events_source iface;
	struct connection connection;
};

static struct connection *connection_of(struct events_source *source)
{
	return &((struct vmbus_events *)source)->connection;
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
	VMLogoffEvent event = {
		.uid = vmg_json_count(object, "uid"),
		.user = vmg_json_text(object, "user"),
		.session = vmg_json_text(object, "session"),
		.task = vmg_json_id(object, "id"),
		.lost = vmg_json_count(object, "lost"),
	};

	/* Other outcomes belong to the SessionResults of a task. */
	if (get_type(object, &event.type))
		vmg_events_session(events, &event);
}

static void deliver_reporting(struct events *events, const json_t *component)
{
	const char *version = vmg_json_text(component, "version");

	vmg_events_reporting(events, json_is_true(json_object_get(component, "negotiated")) &&
					     *version && strcmp(version, "1.0") != 0);
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
		vmg_events_end(events, vmg_hresult_in(object));
	return *kind || components;
}

static bool deliver_next(struct events_source *source, struct events *events)
{
	json_auto_t *object = NULL;
	int ret = vmg_connection_receive(connection_of(source), -1, &object);

	if (vmg_events_stopped(events))
		return false;
	if (ret > 0)
		return deliver(events, object);
	vmg_events_end(events, vmg_hresult_of(ret));
	return false;
}

static void stop(struct events_source *source)
{
	shutdown(connection_of(source)->fd, SHUT_RDWR);
}

static void source_free(struct events_source *source)
{
	vmg_connection_close(connection_of(source));
	free(source);
}

/* The status is requested after the watch: it states whether the guest reports sessions. */
static HRESULT watch(struct connection *connection, const char *directory)
{
	json_auto_t *object = NULL;
	int ret = vmg_connection_open(connection, directory);

	if (ret == 0)
		ret = vmg_connection_send(connection, json_pack("{s:s}", "command", "watch"));
	if (ret == 0)
		ret = vmg_connection_receive(connection, vmg_now_ms() + VMG_REPLY_MS, &object);
	if (ret < 0)
		return vmg_hresult_of(ret);
	if (!json_object_get(object, "event")) {
		vmg_last_error(vmg_json_text(object, "error"));
		return vmg_hresult_in(object);
	}
	return vmg_hresult_of(
		vmg_connection_send(connection, json_pack("{s:s}", "command", "status")));
}

HRESULT vmg_vmbus_events(const char *directory, struct events_source **out)
{
	struct vmbus_events *source = calloc(1, sizeof(*source));
	HRESULT hr;

	if (!source)
		return E_OUTOFMEMORY;
	source->iface = (struct events_source){deliver_next, stop, source_free};
	source->connection.fd = -1;
	hr = watch(&source->connection, directory);
	if (hr == S_OK)
		*out = &source->iface;
	else
		source_free(&source->iface);
	return hr;
}
