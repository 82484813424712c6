/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In place of AF_HYPERV: a guest in the process of the test, behind a TCP port. A thread answers
 * one connection after the other as hv-logoffd does (docs/protocol.md, "Hyper-V sockets").
 */
#ifndef FAKE_HVSOCKET_H
#define FAKE_HVSOCKET_H

#include <winsock2.h>

#include <stdint.h>

enum fake_guest {
	FAKE_LOGS_OFF, /* a request is carried out at once */
	FAKE_STAYS,    /* it stays in its grace period, until it is cancelled */
	FAKE_BREAKS,   /* the connection breaks after each LOGOFF; then the request is complete */
	FAKE_REPORTS,  /* a session ends after each negotiation */
};

/* After WSAStartup(). */
void fake_hvsocket_start(void);
void fake_hvsocket_set(enum fake_guest behavior);
/* From now on, connections fail with this error of Windows Sockets, unless it is 0. */
void fake_hvsocket_fail(int error);

/* What the guest has read since fake_hvsocket_set(). */
extern volatile LONG fake_hvsocket_connections, fake_hvsocket_logoffs;
extern volatile LONG64 fake_hvsocket_id;
/* What the last connection was for. */
extern char fake_hvsocket_guid[37];
extern uint32_t fake_hvsocket_port;

#endif /* FAKE_HVSOCKET_H */
