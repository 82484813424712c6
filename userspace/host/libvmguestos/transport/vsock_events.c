// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events over a stream to the guest's daemon, which sends the sessions that end on each connection
 * that has negotiated. After the end of a stream, others are tried until the machine has stopped.
 */
#include "userspace/host/libvmguestos/error.h"
#include "vsock.h"
#include "vsock_channel.h"
#include "vsock_request.h"

/* From the end of a stream to the next attempt, at most. */
#define RETRY_MS_MAX 10000

struct vsock_events {
	struct events_source iface;
	struct vsock_address address;
	struct vsock_channel channel;
	vmg_event stop;
	uint32_t retry_ms;
};

static struct vsock_events *source_of(struct events_source *source)
{
	return (struct vsock_events *)source;
}

static void deliver_session(struct vsock_events *source, struct events *events)
{
	const struct vsock_link *link = &source->channel.link;
	const struct hvl_session *session = &link->input.body.session;

	/* Other outcomes belong to the SessionResults of a task. */
	if (!hvl_check_session(&link->input, link->version) || session->outcome != HV_LOGOFF_ENDED)
		return;
	vmg_events_session(events, &(VMLogoffEvent){
					   .type = (VMLogoffType)session->kind,
					   .uid = session->uid,
					   .user = session->user,
					   .session = session->session,
					   .task = session->header.id,
					   .lost = session->lost,
				   });
}

static bool reports(const struct vsock_events *source)
{
	return hvl_version_since(source->channel.link.version, 1, 1);
}

/* Returns false after the end. */
static bool reconnect(struct vsock_events *source, struct events *events)
{
	char text[VSOCK_TEXT_SIZE] = "";
	HRESULT hr;

	vmg_events_reporting(events, false);
	vmg_event_wait(source->stop, vmg_now_ms() + source->retry_ms);
	if (vmg_events_stopped(events))
		return false;
	source->retry_ms =
		source->retry_ms * 2 < RETRY_MS_MAX ? source->retry_ms * 2 : RETRY_MS_MAX;
	hr = vsock_channel_open(&source->channel, &source->address, source->stop, text);
	if (hr == S_OK)
		source->retry_ms = vmg_vsock_times.retry_ms;
	else
		vsock_channel_close(&source->channel);
	if (vmg_events_stopped(events))
		return false;
	if (hr == VM_E_VM_NOT_RUNNING || hr == VM_E_VM_UNKNOWN || hr == E_ACCESSDENIED) {
		vmg_events_end(events, hr);
		return false;
	}
	return true;
}

static bool deliver_next(struct events_source *iface, struct events *events)
{
	struct vsock_events *source = source_of(iface);

	if (!source->channel.stream)
		return reconnect(source, events);
	vmg_events_reporting(events, reports(source));
	if (vsock_channel_next(&source->channel, source->stop, -1) == S_OK)
		deliver_session(source, events);
	else
		vsock_channel_close(&source->channel);
	return true;
}

static void stop(struct events_source *source)
{
	vmg_event_set(source_of(source)->stop);
}

static void source_free(struct events_source *iface)
{
	struct vsock_events *source = source_of(iface);

	vsock_channel_close(&source->channel);
	vmg_event_free(source->stop);
	vsock_address_clear(&source->address);
	free(source);
}

HRESULT vmg_vsock_events(const struct vsock_address *address, struct events_source **out)
{
	struct vsock_events *source = calloc(1, sizeof(*source));
	char text[VSOCK_TEXT_SIZE] = "";
	HRESULT hr = E_OUTOFMEMORY;

	if (!source)
		return hr;
	source->iface = (struct events_source){deliver_next, stop, source_free};
	source->retry_ms = vmg_vsock_times.retry_ms;
	source->stop = vmg_event_new();
	if (vmg_event_good(source->stop) && vsock_address_copy(&source->address, address)) {
		hr = vsock_channel_open(&source->channel, &source->address, VMG_NO_EVENT, text);
		vmg_last_error(text);
	}
	if (hr == S_OK)
		*out = &source->iface;
	else
		source_free(&source->iface);
	return hr;
}
