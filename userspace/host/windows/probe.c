// SPDX-License-Identifier: GPL-2.0-or-later
#include <winsock2.h>
#include <ws2tcpip.h>

#include "probe.h"

#include <stdio.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"

#define SLICE_MS 50

#define _cleanup_socket_ _cleanup_(socketp)

static void socketp(SOCKET *descriptor)
{
	if (*descriptor != INVALID_SOCKET)
		closesocket(*descriptor);
}

static HRESULT error_of(int error)
{
	switch (error) {
	case WSAHOST_NOT_FOUND:
	case WSATRY_AGAIN:
	case WSANO_DATA:
	case WSANO_RECOVERY:
		return PROBE_E_NAME;
	}
	return HRESULT_FROM_WIN32(error);
}

/* The result of a connection attempt that has ended. */
static HRESULT attempt_result(SOCKET descriptor)
{
	int error = 0, size = sizeof(error);

	getsockopt(descriptor, SOL_SOCKET, SO_ERROR, (char *)&error, &size);
	return error ? error_of(error) : S_OK;
}

static HRESULT await_connection(SOCKET descriptor, DWORD ms, const volatile LONG *stop)
{
	WSAPOLLFD poll = {.fd = descriptor, .events = POLLOUT};
	ULONGLONG end = GetTickCount64() + ms;

	while (GetTickCount64() < end) {
		if (*stop)
			return E_ABORT;
		if (WSAPoll(&poll, 1, SLICE_MS) > 0)
			return attempt_result(descriptor);
	}
	return PROBE_E_NO_ANSWER;
}

static HRESULT try_address(const ADDRINFOW *address, DWORD ms, const volatile LONG *stop)
{
	_cleanup_socket_ SOCKET descriptor = socket(address->ai_family, SOCK_STREAM, IPPROTO_TCP);
	u_long nonblocking = 1;

	if (descriptor == INVALID_SOCKET || ioctlsocket(descriptor, FIONBIO, &nonblocking) != 0)
		return error_of(WSAGetLastError());
	if (connect(descriptor, address->ai_addr, (int)address->ai_addrlen) == 0)
		return S_OK;
	if (WSAGetLastError() != WSAEWOULDBLOCK)
		return error_of(WSAGetLastError());
	return await_connection(descriptor, ms, stop);
}

HRESULT probe_port(const char *host, unsigned short port, DWORD ms, const volatile LONG *stop)
{
	ADDRINFOW hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
	_cleanup_bstr_ BSTR name = wide_from_utf8(host);
	WCHAR service[8];
	HRESULT hr = PROBE_E_NAME;
	WSADATA data;
	int error = name ? WSAStartup(MAKEWORD(2, 2), &data) : WSAEINVAL;

	if (error)
		return HRESULT_FROM_WIN32(error);
	swprintf(service, ARRAY_SIZE(service), L"%hu", port);
	error = GetAddrInfoW(name, service, &hints, &addresses);
	if (error)
		hr = error_of(error);
	for (const ADDRINFOW *at = addresses; at && hr != S_OK && hr != E_ABORT; at = at->ai_next)
		hr = try_address(at, ms, stop);
	if (addresses)
		FreeAddrInfoW(addresses);
	WSACleanup();
	return hr;
}
