// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_guest.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "userspace/shared/util.h"

#define CLIENTS_MAX 64

struct client {
	int fd;
	bool connected; /* the line of hvhost was exchanged */
	bool negotiated;
	uint64_t id; /* of its LOGOFF or TARGET; 0: there was none */
	struct hvl_version framework, version;
	char line[32];
	struct hvl_packet packet;
	size_t length; /* of the line, or of the packet */
};

static struct {
	char path[128];
	pthread_t thread;
	bool runs;
	int stop[2], listener;
	pthread_mutex_t lock; /* protects the following */
	pthread_cond_t changed;
	size_t versions;
	bool refuses, ignores;
	uint32_t cancel_status;
	struct client clients[CLIENTS_MAX];
	struct hvl_packet request; /* the last one */
	uint64_t known[CLIENTS_MAX];
	size_t known_count;
	enum hv_logoff_state state;
	uint32_t result;
	unsigned int logoffs, cancels;
} guest = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void lock(void)
{
	pthread_mutex_lock(&guest.lock);
}

static void unlock(void)
{
	pthread_cond_broadcast(&guest.changed);
	pthread_mutex_unlock(&guest.lock);
}

/* Aborts the test program on an unexpected error. */
static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static void disconnect(struct client *client)
{
	/* While the thread polls it, close() alone does not end the stream. */
	if (client->fd >= 0)
		shutdown(client->fd, SHUT_RDWR);
	if (client->fd >= 0)
		close(client->fd);
	*client = (struct client){.fd = -1};
}

/* Ignores a host that has disconnected. */
static void write_packet(const struct client *client, const struct hvl_packet *packet)
{
	must(send(client->fd, packet, hvl_packet_size(packet), MSG_NOSIGNAL) > 0 ||
		     errno == EPIPE || errno == ECONNRESET,
	     "send");
}

static bool is_known(uint64_t id)
{
	for (size_t i = 0; i < guest.known_count; i++) {
		if (guest.known[i] == id)
			return true;
	}
	return false;
}

static void report(const struct client *client, enum hvl_op op, const struct hvl_packet *asked,
		   uint32_t status)
{
	uint64_t id = asked ? asked->body.op.id : client->id;
	bool done = is_known(id) && guest.state == HV_LOGOFF_DONE;
	struct hvl_packet packet;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_report),
			asked ? asked->header.transaction : 0, 0);
	packet.header.status = status;
	packet.body.report = (struct hvl_report){
		.header = {.op = op, .id = id},
		.state = is_known(id) ? guest.state : HV_LOGOFF_PENDING,
		.percent = 40,
		.found = 3,
		.ended = 2,
		.failed = done && guest.result ? 1 : 0,
		.result = done ? guest.result : 0,
		.text = "The guest's text.",
	};
	write_packet(client, &packet);
}

static void take_logoff(struct client *client)
{
	client->id = client->packet.body.op.id;
	guest.logoffs++;
	if (is_known(client->id)) {
		report(client, guest.state == HV_LOGOFF_DONE ? HVL_OP_COMPLETE : HVL_OP_PROGRESS,
		       NULL, guest.state == HV_LOGOFF_DONE ? guest.result : 0);
		return;
	}
	must(guest.known_count < CLIENTS_MAX, "the number of requests");
	guest.known[guest.known_count++] = client->id;
	guest.state = HV_LOGOFF_PENDING;
	guest.request = client->packet;
}

/* The request in progress, or 0. */
static uint64_t current(void)
{
	return guest.known_count && guest.state != HV_LOGOFF_DONE
		       ? guest.known[guest.known_count - 1]
		       : 0;
}

static void take_packet(struct client *client)
{
	struct hvl_packet *packet = &client->packet;
	struct hvl_packet answer;

	if (packet->header.type == HVL_MSGTYPE_NEGOTIATE) {
		client->negotiated = hvl_answer_negotiate(
			packet, &answer,
			hvl_message_versions + FAKE_GUEST_VERSIONS - guest.versions, guest.versions,
			&client->framework, &client->version);
		write_packet(client, &answer);
		return;
	}
	if (packet->body.op.op == HVL_OP_CANCEL && !packet->body.op.id)
		packet->body.op.id = current();
	else
		must(hvl_check_request(packet, client->version) == HV_LOGOFF_S_OK,
		     "the host's message");
	switch (packet->body.op.op) {
	case HVL_OP_QUERY:
		report(client, HVL_OP_QUERY, packet,
		       is_known(packet->body.op.id) ? 0 : HV_LOGOFF_E_NOT_FOUND);
		break;
	case HVL_OP_CANCEL:
		guest.cancels++;
		report(client, HVL_OP_CANCEL, packet,
		       is_known(packet->body.op.id) ? guest.cancel_status : HV_LOGOFF_E_NOT_FOUND);
		break;
	default:
		take_logoff(client);
	}
}

/* One byte of the line of hvhost. */
static bool take_line(struct client *client)
{
	if (client->line[client->length] != '\n') {
		client->length++;
		return client->length < sizeof(client->line);
	}
	client->line[client->length] = '\0';
	client->length = 0;
	must(strcmp(client->line, "CONNECT 877") == 0, client->line);
	if (guest.ignores)
		return true;
	if (guest.refuses)
		return false;
	client->connected = true;
	must(send(client->fd, "OK 1\n", 5, MSG_NOSIGNAL) == 5, "send");
	return true;
}

/* Reads up to @size bytes in all to @target. */
static long fill(struct client *client, void *target, size_t size)
{
	ssize_t got = recv(client->fd, (char *)target + client->length, size - client->length,
			   MSG_DONTWAIT);

	if (got > 0)
		client->length += (size_t)got;
	return got < 0 && errno == EAGAIN ? 1 : got;
}

static void receive(struct client *client)
{
	struct hvl_packet *packet = &client->packet;
	size_t size = sizeof(packet->header);

	if (!client->connected) {
		if (recv(client->fd, client->line + client->length, 1, MSG_DONTWAIT) != 1 ||
		    !take_line(client))
			disconnect(client);
		return;
	}
	if (client->length >= size)
		size = hvl_packet_size(packet);
	if (fill(client, packet, size) <= 0) {
		disconnect(client);
		return;
	}
	if (client->length < sizeof(packet->header) || client->length < hvl_packet_size(packet))
		return;
	must(hvl_packet_check(packet, client->length), "the host's packet");
	client->length = 0;
	if (!guest.ignores)
		take_packet(client);
	memset(packet, 0, sizeof(*packet));
}

static void take_client(void)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (guest.clients[i].fd >= 0)
			continue;
		guest.clients[i] =
			(struct client){.fd = accept4(guest.listener, NULL, NULL, SOCK_CLOEXEC)};
		must(guest.clients[i].fd >= 0, "accept");
		return;
	}
	must(false, "too many streams");
}

static void *run(void *unused)
{
	struct pollfd ready[CLIENTS_MAX + 2];

	(void)unused;
	for (;;) {
		lock();
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			ready[i] = (struct pollfd){.fd = guest.clients[i].fd, .events = POLLIN};
		unlock();
		ready[CLIENTS_MAX] = (struct pollfd){.fd = guest.listener, .events = POLLIN};
		ready[CLIENTS_MAX + 1] = (struct pollfd){.fd = guest.stop[0], .events = POLLIN};
		must(poll(ready, CLIENTS_MAX + 2, 1000) >= 0, "poll");
		if (ready[CLIENTS_MAX + 1].revents)
			return NULL;
		lock();
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (ready[i].revents && guest.clients[i].fd == ready[i].fd)
				receive(&guest.clients[i]);
		}
		if (ready[CLIENTS_MAX].revents)
			take_client();
		unlock();
	}
}

void fake_guest_start(const char *directory, size_t versions)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	guest.versions = versions;
	guest.refuses = guest.ignores = false;
	guest.known_count = 0;
	guest.cancel_status = 0;
	guest.logoffs = guest.cancels = 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		guest.clients[i] = (struct client){.fd = -1};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/vsock.sock", directory);
	snprintf(guest.path, sizeof(guest.path), "%s", address.sun_path);
	unlink(guest.path);
	guest.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(guest.listener >= 0, "socket");
	must(bind(guest.listener, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(guest.listener, CLIENTS_MAX) == 0, "listen");
	must(pipe(guest.stop) == 0, "pipe");
	must(pthread_create(&guest.thread, NULL, run, NULL) == 0, "pthread_create");
	guest.runs = true;
}

void fake_guest_stop(void)
{
	if (!guest.runs)
		return;
	guest.runs = false;
	must(write(guest.stop[1], "", 1) == 1, "write");
	pthread_join(guest.thread, NULL);
	close(guest.stop[0]);
	close(guest.stop[1]);
	close(guest.listener);
	fake_guest_drop();
	unlink(guest.path);
}

void fake_guest_refuse(bool refuses)
{
	lock();
	guest.refuses = refuses;
	unlock();
}

void fake_guest_ignore(bool ignores)
{
	lock();
	guest.ignores = ignores;
	unlock();
}

void fake_guest_set_cancel_result(uint32_t status)
{
	lock();
	guest.cancel_status = status;
	unlock();
}

struct hvl_packet fake_guest_wait_logoff(unsigned int number)
{
	struct hvl_packet packet;

	lock();
	while (guest.logoffs < number)
		pthread_cond_wait(&guest.changed, &guest.lock);
	packet = guest.request;
	unlock();
	return packet;
}

unsigned int fake_guest_logoffs(void)
{
	unsigned int count;

	lock();
	count = guest.logoffs;
	unlock();
	return count;
}

unsigned int fake_guest_cancels(void)
{
	unsigned int count;

	lock();
	count = guest.cancels;
	unlock();
	return count;
}

static bool is_watched(void)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (guest.clients[i].negotiated && !guest.clients[i].id)
			return true;
	}
	return false;
}

void fake_guest_wait_watcher(void)
{
	lock();
	while (!is_watched())
		pthread_cond_wait(&guest.changed, &guest.lock);
	unlock();
}

static void report_to_all(enum hvl_op op, uint32_t status)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (guest.clients[i].id)
			report(&guest.clients[i], op, NULL, status);
	}
}

void fake_guest_progress(enum hv_logoff_state state)
{
	lock();
	guest.state = state;
	report_to_all(HVL_OP_PROGRESS, 0);
	unlock();
}

void fake_guest_complete(uint32_t result)
{
	lock();
	guest.state = HV_LOGOFF_DONE;
	guest.result = result;
	report_to_all(HVL_OP_COMPLETE, result);
	unlock();
}

void fake_guest_session(uint64_t id)
{
	struct hvl_packet packet;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_session), 0, 0);
	packet.body.session = (struct hvl_session){
		.header = {.op = HVL_OP_SESSION, .id = id},
		.outcome = HV_LOGOFF_ENDED,
		.kind = id ? HV_LOGOFF_EXTERNAL : HV_LOGOFF_NORMAL,
		.uid = 1000,
		.lost = 3,
		.user = "anna",
		.session = "c3",
	};
	lock();
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (guest.clients[i].negotiated)
			write_packet(&guest.clients[i], &packet);
	}
	unlock();
}

void fake_guest_garbage(void)
{
	static const char garbage[] = "This is no message of docs/protocol.md, and never was.";

	lock();
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (guest.clients[i].negotiated)
			must(send(guest.clients[i].fd, garbage, sizeof(garbage), MSG_NOSIGNAL) > 0,
			     "send");
	}
	unlock();
}

void fake_guest_drop(void)
{
	lock();
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		disconnect(&guest.clients[i]);
	unlock();
}

void fake_guest_forget(void)
{
	lock();
	guest.known_count = 0;
	unlock();
}
