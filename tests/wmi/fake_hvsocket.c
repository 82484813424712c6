// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_hvsocket.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "driver/wire.h"
#include "userspace/host/windows/hvsocket.h"

volatile LONG fake_hvsocket_connections, fake_hvsocket_logoffs;
volatile LONG64 fake_hvsocket_id;
char fake_hvsocket_guid[37];
uint32_t fake_hvsocket_port;

static SOCKET listener = INVALID_SOCKET;
static struct sockaddr_in address = {.sin_family = AF_INET};
static volatile LONG behavior, failure = WSAECONNREFUSED;

int hvsocket_connect(const char *guid, uint32_t port, DWORD ms, WSAEVENT event, SOCKET *out)
{
	(void)ms;
	if (failure)
		return failure;
	snprintf(fake_hvsocket_guid, sizeof(fake_hvsocket_guid), "%s", guid);
	fake_hvsocket_port = port;
	*out = socket(AF_INET, SOCK_STREAM, 0);
	WSAEventSelect(*out, event, FD_CONNECT | FD_READ | FD_WRITE | FD_CLOSE);
	if (connect(*out, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	    WSAGetLastError() != WSAEWOULDBLOCK)
		return WSAGetLastError();
	return 0;
}

static bool read_all(SOCKET client, void *bytes, size_t size)
{
	return size == 0 || recv(client, bytes, (int)size, MSG_WAITALL) == (int)size;
}

static bool read_packet(SOCKET client, struct hvl_packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	return read_all(client, &packet->header, sizeof(packet->header)) &&
	       packet->header.size <= sizeof(packet->body) &&
	       read_all(client, &packet->body, packet->header.size);
}

static void write_packet(SOCKET client, const struct hvl_packet *packet)
{
	send(client, (const char *)packet, (int)hvl_packet_size(packet), 0);
}

static void report(SOCKET client, enum hvl_op op, const struct hvl_packet *asked, uint32_t state,
		   uint32_t status)
{
	struct hvl_packet packet;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_report),
			asked->header.transaction, 0);
	packet.header.status = status;
	packet.body.report = (struct hvl_report){
		.header = {.op = op, .id = asked->body.op.id},
		.state = state,
		.percent = 50,
		.found = 2,
		.ended = state == HV_LOGOFF_DONE && !status ? 2 : 0,
		.result = state == HV_LOGOFF_DONE ? status : 0,
		.text = "By a socket.",
	};
	write_packet(client, &packet);
}

static void session(SOCKET client, uint64_t id)
{
	struct hvl_packet packet;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_session), 0, 0);
	packet.body.session = (struct hvl_session){
		.header = {.op = HVL_OP_SESSION, .id = id},
		.outcome = HV_LOGOFF_ENDED,
		.uid = 1000,
		.user = "anna",
		.session = "c3",
	};
	write_packet(client, &packet);
}

static void negotiate(SOCKET client, const struct hvl_packet *packet)
{
	struct hvl_version framework, version;
	struct hvl_packet answer;

	hvl_answer_negotiate(packet, &answer, hvl_message_versions, 3, &framework, &version);
	write_packet(client, &answer);
	if (behavior == FAKE_REPORTS)
		session(client, 0);
}

/* Returns false to close the connection. */
static bool take_logoff(SOCKET client, const struct hvl_packet *packet)
{
	InterlockedIncrement(&fake_hvsocket_logoffs);
	InterlockedExchange64(&fake_hvsocket_id, (LONG64)packet->body.op.id);
	report(client, HVL_OP_PROGRESS, packet, HV_LOGOFF_GRACE, 0);
	if (behavior == FAKE_LOGS_OFF) {
		session(client, packet->body.op.id);
		report(client, HVL_OP_COMPLETE, packet, HV_LOGOFF_DONE, 0);
	}
	return behavior != FAKE_BREAKS;
}

static bool take_packet(SOCKET client, const struct hvl_packet *packet)
{
	bool known = (LONG64)packet->body.op.id == fake_hvsocket_id;

	if (packet->header.type == HVL_MSGTYPE_NEGOTIATE) {
		negotiate(client, packet);
		return true;
	}
	switch (packet->body.op.op) {
	case HVL_OP_QUERY:
		report(client, HVL_OP_QUERY, packet,
		       behavior == FAKE_STAYS ? HV_LOGOFF_GRACE : HV_LOGOFF_DONE,
		       known ? 0 : HV_LOGOFF_E_NOT_FOUND);
		return true;
	case HVL_OP_CANCEL:
		report(client, HVL_OP_CANCEL, packet, HV_LOGOFF_GRACE,
		       known ? 0 : HV_LOGOFF_E_NOT_FOUND);
		if (known)
			report(client, HVL_OP_COMPLETE, packet, HV_LOGOFF_DONE,
			       HV_LOGOFF_E_CANCELLED);
		return true;
	default:
		return take_logoff(client, packet);
	}
}

static DWORD WINAPI serve(void *parameter)
{
	SOCKET client = (SOCKET)parameter;
	struct hvl_packet packet;

	while (read_packet(client, &packet) && take_packet(client, &packet))
		;
	closesocket(client);
	return 0;
}

static DWORD WINAPI accept_all(void *unused)
{
	SOCKET client;

	(void)unused;
	while ((client = accept(listener, NULL, NULL)) != INVALID_SOCKET) {
		InterlockedIncrement(&fake_hvsocket_connections);
		CloseHandle(CreateThread(NULL, 0, serve, (void *)client, 0, NULL));
	}
	return 0;
}

void fake_hvsocket_start(void)
{
	int size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    listen(listener, SOMAXCONN) < 0)
		abort();
	CloseHandle(CreateThread(NULL, 0, accept_all, NULL, 0, NULL));
}

void fake_hvsocket_set(enum fake_guest wanted)
{
	InterlockedExchange(&behavior, (LONG)wanted);
	InterlockedExchange(&failure, 0);
	InterlockedExchange(&fake_hvsocket_connections, 0);
	InterlockedExchange(&fake_hvsocket_logoffs, 0);
}

void fake_hvsocket_fail(int error)
{
	InterlockedExchange(&failure, error);
}
