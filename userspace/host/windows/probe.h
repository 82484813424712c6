/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a computer's RPC endpoint mapper can be reached.
 *
 * DCOM returns RPC_S_SERVER_UNAVAILABLE for an unknown name, a computer that is off, a firewall
 * and a closed port, and may take a minute for it. A connection of our own separates these.
 */
#ifndef HVL_PROBE_H
#define HVL_PROBE_H

#include <stdbool.h>
#include <windows.h>

#define PROBE_RPC_PORT 135

/* No computer of this name is known, or there is no answer from a name server. */
#define PROBE_E_NAME      HRESULT_FROM_WIN32(11001) /* WSAHOST_NOT_FOUND */
#define PROBE_E_NO_ANSWER HRESULT_FROM_WIN32(10060) /* WSAETIMEDOUT */
#define PROBE_E_REFUSED   HRESULT_FROM_WIN32(10061) /* WSAECONNREFUSED */

/*
 * Resolves @host and connects to @port, with at most @ms milliseconds for each of its addresses.
 * S_OK, one of the above, E_ABORT after *@stop became true, or the HRESULT of another network
 * error. Resolving the name can take longer, and cannot be stopped.
 */
HRESULT probe_port(const char *host, unsigned short port, DWORD ms, const volatile LONG *stop);

#endif /* HVL_PROBE_H */
