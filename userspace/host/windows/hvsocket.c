// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvsocket.h"

#include <initguid.h>
#include <stdio.h>
#include <sys/param.h>

#include <hvsocket.h>

#ifndef AF_HYPERV
#define AF_HYPERV 34 /* mingw-w64 does not define it */
#endif

/* "{" and "}" are added. */
static int parse_guid(const char *text, GUID *guid)
{
	WCHAR wide[39];

	if (swprintf(wide, 39, L"{%hs}", text) != 38)
		return WSAEINVAL;
	return SUCCEEDED(IIDFromString(wide, guid)) ? 0 : WSAEINVAL;
}

static int begin(SOCKET descriptor, const SOCKADDR_HV *address, DWORD ms, WSAEVENT event)
{
	DWORD timeout = MIN(ms, HVSOCKET_CONNECT_TIMEOUT_MAX);

	/* Without a listener, the guest's kernel answers after half a minute. */
	if (setsockopt(descriptor, HV_PROTOCOL_RAW, HVSOCKET_CONNECT_TIMEOUT,
		       (const char *)&timeout, sizeof(timeout)) < 0 ||
	    WSAEventSelect(descriptor, event, FD_CONNECT | FD_READ | FD_WRITE | FD_CLOSE) < 0)
		return WSAGetLastError();
	if (connect(descriptor, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	    WSAGetLastError() != WSAEWOULDBLOCK)
		return WSAGetLastError();
	return 0;
}

int hvsocket_connect(const char *guid, uint32_t port, DWORD ms, WSAEVENT event, SOCKET *out)
{
	SOCKADDR_HV address = {.Family = AF_HYPERV, .ServiceId = HV_GUID_VSOCK_TEMPLATE};
	int error = parse_guid(guid, &address.VmId);

	if (error)
		return error;
	address.ServiceId.Data1 = port;
	*out = WSASocketW(AF_HYPERV, SOCK_STREAM, HV_PROTOCOL_RAW, NULL, 0,
			  WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	if (*out == INVALID_SOCKET)
		return WSAGetLastError();
	error = begin(*out, &address, ms, event);
	if (error)
		closesocket(*out);
	return error;
}
