// SPDX-License-Identifier: GPL-2.0-or-later
#include <winsock2.h>

#include "userspace/host/libvmguestos/transport/vsock_stream.h"

#include <stdio.h>
#include <sys/param.h>

#include "hvsocket.h"
#include "userspace/shared/util.h"

struct vsock_stream {
	SOCKET descriptor;
	WSAEVENT event;
	bool started; /* WSAStartup() */
	bool ends;    /* FD_CLOSE has occurred: a read returns the rest, and then the end */
};

static const struct {
	int error;
	HRESULT hr;
	const char *text;
} reasons[] = {
	{WSAEACCES, E_ACCESSDENIED,
	 "Hyper-V does not permit the socket: either its service is not registered on this host, "
	 "which \"vmlogoff --register\" does as an administrator, or this account is not in "
	 "\"Hyper-V Administrators\"."},
	{WSAEAFNOSUPPORT, E_NOTIMPL,
	 "This Windows has no Hyper-V sockets; they need Windows 10 or Windows Server 2016."},
	{WSAECONNREFUSED, VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
	 "Nothing in the guest listens for requests by Hyper-V sockets; check that hv-logoff 1.2 "
	 "or later is installed in it, and that hv-logoffd.socket is active."},
	{WSAETIMEDOUT, VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
	 "The guest did not accept the Hyper-V socket in time; check that it is running, that "
	 "hv-logoff 1.2 or later is installed in it, and that hv-logoffd.socket is active."},
};

static HRESULT explain(int error, char text[VSOCK_TEXT_SIZE])
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].error == error) {
			snprintf(text, VSOCK_TEXT_SIZE, "%s", reasons[i].text);
			return reasons[i].hr;
		}
	}
	snprintf(text, VSOCK_TEXT_SIZE,
		 "The guest cannot be reached by a Hyper-V socket: error %d of Windows Sockets.",
		 error);
	return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
}

/* What has happened since the last call; clears the event. */
static WSANETWORKEVENTS take_events(struct vsock_stream *stream)
{
	WSANETWORKEVENTS events = {};

	if (WSAEnumNetworkEvents(stream->descriptor, stream->event, &events) < 0)
		stream->ends = true;
	if (events.lNetworkEvents & FD_CLOSE)
		stream->ends = true;
	return events;
}

static DWORD time_left(int64_t deadline)
{
	return deadline < 0 ? INFINITE : (DWORD)MAX(deadline - vmg_now_ms(), 0);
}

/* Returns false if @stop was set, or at @deadline. */
static bool wait_for(const struct vsock_stream *stream, vmg_event stop, int64_t deadline)
{
	HANDLE events[] = {stream->event, stop};

	return WaitForMultipleObjects(stop ? 2 : 1, events, FALSE, time_left(deadline)) ==
	       WAIT_OBJECT_0;
}

static int await_connection(struct vsock_stream *stream, vmg_event stop, int64_t deadline)
{
	while (wait_for(stream, stop, deadline)) {
		WSANETWORKEVENTS events = take_events(stream);

		if (events.lNetworkEvents & FD_CONNECT)
			return events.iErrorCode[FD_CONNECT_BIT];
		if (stream->ends)
			return WSAECONNREFUSED;
	}
	return WSAETIMEDOUT;
}

static int start(struct vsock_stream *stream)
{
	WSADATA data;
	int error = WSAStartup(MAKEWORD(2, 2), &data);

	stream->started = !error;
	if (error)
		return error;
	stream->event = WSACreateEvent();
	return stream->event == WSA_INVALID_EVENT ? WSAGetLastError() : 0;
}

HRESULT vsock_stream_open(const struct vsock_address *address, vmg_event stop, int64_t deadline,
			  struct vsock_stream **out, char text[VSOCK_TEXT_SIZE])
{
	struct vsock_stream *stream = calloc(1, sizeof(*stream));
	int error;

	if (!stream)
		return E_OUTOFMEMORY;
	stream->descriptor = INVALID_SOCKET;
	stream->event = WSA_INVALID_EVENT;
	error = start(stream);
	if (!error)
		error = hvsocket_connect(address->guid, address->port, time_left(deadline),
					 stream->event, &stream->descriptor);
	if (error)
		stream->descriptor = INVALID_SOCKET;
	else
		error = await_connection(stream, stop, deadline);
	if (!error) {
		*out = stream;
		return S_OK;
	}
	vsock_stream_close(stream);
	return explain(error, text);
}

void vsock_stream_close(struct vsock_stream *stream)
{
	if (!stream)
		return;
	if (stream->descriptor != INVALID_SOCKET)
		closesocket(stream->descriptor);
	if (stream->event != WSA_INVALID_EVENT)
		WSACloseEvent(stream->event);
	if (stream->started)
		WSACleanup();
	free(stream);
}

static long result_of(int count)
{
	if (count > 0)
		return count;
	return count < 0 && WSAGetLastError() == WSAEWOULDBLOCK ? 0 : -1;
}

long vsock_stream_read(struct vsock_stream *stream, void *bytes, size_t size)
{
	return result_of(recv(stream->descriptor, bytes, (int)size, 0));
}

long vsock_stream_write(struct vsock_stream *stream, const void *bytes, size_t size)
{
	return result_of(send(stream->descriptor, bytes, (int)size, 0));
}

/* FD_WRITE is only set after a write that had to wait, so @writes makes no difference. */
void vsock_stream_wait(struct vsock_stream *stream, bool writes, vmg_event wake, int64_t deadline)
{
	(void)writes;
	if (stream->ends)
		return;
	if (wait_for(stream, wake, deadline))
		take_events(stream);
}
