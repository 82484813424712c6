// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_fleet.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_line.h"
#include "userspace/shared/util.h"

#define MACHINES_MAX 128
#define CLIENTS_MAX  384
#define LINE_SIZE    2048

struct machine {
	char directory[96];
	const char *name;
	enum fleet_role role;
	int listener;
	struct client *active; /* the client of the logoff in progress */
	uint64_t active_id;
	size_t logoffs;
	char last[LINE_SIZE];
};

struct client {
	int fd; /* -1: unused */
	struct machine *machine;
	char line[LINE_SIZE];
	size_t length;
};

static char registry[32];

static struct fleet {
	pthread_t thread;
	int stop[2];
	struct machine machines[MACHINES_MAX];
	size_t count;
	pthread_mutex_t lock; /* protects the following, and machines once the thread runs */
	pthread_cond_t changed;
	struct client clients[CLIENTS_MAX];
	size_t active, most_active, cancels;
} fleet = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Aborts the test program on an unexpected error. */
static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

/* Steals the reference. Ignores a client that has disconnected. */
static void reply(const struct client *client, json_t *json)
{
	char line[LINE_SIZE];
	size_t length = json_dumpb(json, line, sizeof(line) - 1, JSON_COMPACT);

	must(length > 0 && length < sizeof(line), "json");
	line[length++] = '\n';
	must(send(client->fd, line, length, MSG_NOSIGNAL) > 0 || errno == EPIPE ||
		     errno == ECONNRESET,
	     "send");
	json_decref(json);
}

static void reply_failure(const struct client *client, uint32_t hresult)
{
	reply(client, json_pack("{s:b, s:s, s:I, s:i}", "ok", 0, "error", "No.", "hresult",
				(json_int_t)hresult, "return", 32775));
}

static json_t *counts(const char *state, int percent, int found, int ended, const char *text)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:s}", "state", state, "percent", percent,
			 "found", found, "ended", ended, "failed", 0, "text", text);
}

static void reply_result(const struct client *client, uint32_t hresult, int found, const char *text)
{
	json_t *json = counts("done", 100, found, hresult ? 0 : found, text);

	json_object_set_new(json, "ok", json_true());
	json_object_set_new(json, "hresult", json_integer(hresult));
	reply(client, json);
}

static void set_active(struct machine *machine, struct client *client)
{
	fleet.active += !!client - !!machine->active;
	fleet.most_active = fleet.active > fleet.most_active ? fleet.active : fleet.most_active;
	machine->active = client;
	pthread_cond_broadcast(&fleet.changed);
}

static void end_active(struct machine *machine, uint32_t hresult, const char *text)
{
	if (!machine->active)
		return;
	reply_result(machine->active, hresult, 1, text);
	set_active(machine, NULL);
}

static void begin_grace(struct machine *machine, struct client *client, const json_t *command)
{
	json_t *json = counts("grace", 5, 1, 0, "Waiting for the users.");

	machine->active_id = strtoull(json_string_value(json_object_get(command, "id")), NULL, 16);
	set_active(machine, client);
	json_object_set_new(json, "event", json_string("progress"));
	reply(client, json);
}

static void end_session(const struct client *client, bool dry_run)
{
	json_t *result = counts("done", 100, 1, !dry_run, "The session has ended.");

	if (dry_run)
		json_object_set_new(result, "text", json_string("1 session would be ended."));
	json_object_set_new(result, "ok", json_true());
	json_object_set_new(result, "hresult", json_integer(0));
	reply(client, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "event", "session", "outcome",
				dry_run ? "selected" : "ended", "kind", "external", "uid", 1000,
				"user", "anna", "session", "4"));
	reply(client, result);
}

static void reply_to_logoff(struct machine *machine, struct client *client, const json_t *command)
{
	machine->logoffs++;
	snprintf(machine->last, sizeof(machine->last), "%s", client->line);
	switch (machine->role) {
	case FLEET_USERS:
		end_session(client, json_is_true(json_object_get(command, "dry_run")));
		break;
	case FLEET_NOBODY:
		reply_result(client, 0x80070520, 0, "Nobody is logged on.");
		break;
	case FLEET_BUSY:
		reply_result(client, 0x800700aa, 0, "Another request is in progress.");
		break;
	case FLEET_GRACE:
	case FLEET_DEAF:
		begin_grace(machine, client, command);
		break;
	default:
		reply_failure(client, 0xa0040505);
	}
}

static void reply_to_cancel(struct machine *machine, struct client *client, const json_t *command)
{
	const char *id = json_string_value(json_object_get(command, "id"));

	fleet.cancels++;
	pthread_cond_broadcast(&fleet.changed);
	if (machine->role == FLEET_DEAF)
		return;
	if (!machine->active || (id && strtoull(id, NULL, 16) != machine->active_id)) {
		reply_failure(client, 0x80070490);
		return;
	}
	reply(client, json_pack("{s:b, s:i, s:s}", "ok", 1, "hresult", 0, "state", "grace"));
	end_active(machine, 0x800704c7, "Cancelled.");
}

static void reply_to_status(const struct machine *machine, const struct client *client)
{
	reply(client, json_pack("{s:b, s:s, s:s, s:{s:{s:b, s:s}}}", "ok", 1, "state", "running",
				"permission", "execute", "components", "logoff", "negotiated",
				machine->role != FLEET_NO_GUEST, "version", "1.2"));
}

/* The session of anna ends at once. */
static void reply_to_watch(const struct machine *machine, const struct client *client)
{
	if (machine->role != FLEET_USERS) {
		reply_failure(client, 0xa0040505);
		return;
	}
	reply(client, json_pack("{s:s}", "event", "watching"));
	reply(client,
	      json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "event", "session", "outcome", "ended",
			"kind", "normal", "uid", 1000, "user", "anna", "session", "4"));
}

static void handle_line(struct client *client)
{
	struct machine *machine = client->machine;
	json_t *command = json_loads(client->line, 0, NULL);
	const char *verb = json_string_value(json_object_get(command, "command"));

	must(verb, "a command");
	if (machine->role == FLEET_AWAY)
		;
	else if (strcmp(verb, "logoff") == 0)
		reply_to_logoff(machine, client, command);
	else if (strcmp(verb, "cancel") == 0)
		reply_to_cancel(machine, client, command);
	else if (strcmp(verb, "status") == 0)
		reply_to_status(machine, client);
	else if (strcmp(verb, "watch") == 0)
		reply_to_watch(machine, client);
	else
		reply_failure(client, 0xa0040505);
	json_decref(command);
}

static void disconnect(struct client *client)
{
	if (client->machine->active == client)
		set_active(client->machine, NULL);
	close(client->fd);
	client->fd = -1;
}

static void receive(struct client *client)
{
	int ret;

	while ((ret = fake_line_receive(client->fd, client->line, LINE_SIZE, &client->length)) > 0)
		handle_line(client);
	if (ret < 0)
		disconnect(client);
}

static void take_client(struct machine *machine)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &fleet.clients[i];

		if (client->fd >= 0)
			continue;
		*client = (struct client){.machine = machine};
		client->fd = accept4(machine->listener, NULL, NULL, SOCK_CLOEXEC);
		must(client->fd >= 0, "accept");
		return;
	}
	must(false, "too many clients");
}

static void *run(void *unused)
{
	struct pollfd ready[1 + MACHINES_MAX + CLIENTS_MAX];
	size_t count = 1 + fleet.count + CLIENTS_MAX;

	(void)unused;
	for (;;) {
		ready[0] = (struct pollfd){.fd = fleet.stop[0], .events = POLLIN};
		for (size_t i = 0; i < fleet.count; i++)
			ready[1 + i] =
				(struct pollfd){.fd = fleet.machines[i].listener, .events = POLLIN};
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			ready[1 + fleet.count + i] =
				(struct pollfd){.fd = fleet.clients[i].fd, .events = POLLIN};
		must(poll(ready, count, -1) > 0, "poll");
		if (ready[0].revents)
			return NULL;
		pthread_mutex_lock(&fleet.lock);
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (ready[1 + fleet.count + i].revents)
				receive(&fleet.clients[i]);
		}
		for (size_t i = 0; i < fleet.count; i++) {
			if (ready[1 + i].revents)
				take_client(&fleet.machines[i]);
		}
		pthread_mutex_unlock(&fleet.lock);
	}
}

void fleet_begin(void)
{
	fleet.count = fleet.active = fleet.most_active = fleet.cancels = 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		fleet.clients[i] = (struct client){.fd = -1};
	snprintf(registry, sizeof(registry), "/tmp/fake-fleet.XXXXXX");
	must(mkdtemp(registry), registry);
	setenv("HVHOST_DIR", registry, 1);
}

static void write_config(const struct machine *machine, unsigned int index)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/machine.json", machine->directory);
	file = fopen(path, "we");
	must(file, path);
	fprintf(file, "{\"guid\": \"" FLEET_GUID "\"}\n", index);
	must(fclose(file) == 0, path);
}

static int listen_on(const struct machine *machine)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/control.sock",
		 machine->directory);
	must(fd >= 0, "socket");
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(fd, CLIENTS_MAX) == 0, "listen");
	return fd;
}

void fleet_add(const char *name, enum fleet_role role)
{
	struct machine *machine = &fleet.machines[fleet.count];

	must(fleet.count < MACHINES_MAX, "too many machines");
	*machine = (struct machine){.name = name, .role = role, .listener = -1};
	snprintf(machine->directory, sizeof(machine->directory), "%s/%s", registry, name);
	must(mkdir(machine->directory, 0755) == 0, machine->directory);
	write_config(machine, (unsigned int)fleet.count);
	if (role != FLEET_STOPPED)
		machine->listener = listen_on(machine);
	fleet.count++;
}

void fleet_start(void)
{
	must(pipe(fleet.stop) == 0, "pipe");
	must(pthread_create(&fleet.thread, NULL, run, NULL) == 0, "pthread_create");
}

static void remove_file(const struct machine *machine, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", machine->directory, name);
	unlink(path);
}

void fleet_end(void)
{
	must(write(fleet.stop[1], "", 1) == 1, "write");
	pthread_join(fleet.thread, NULL);
	close(fleet.stop[0]);
	close(fleet.stop[1]);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		closep(&fleet.clients[i].fd);
	for (size_t i = 0; i < fleet.count; i++) {
		closep(&fleet.machines[i].listener);
		remove_file(&fleet.machines[i], "control.sock");
		remove_file(&fleet.machines[i], "machine.json");
		must(rmdir(fleet.machines[i].directory) == 0, fleet.machines[i].directory);
	}
	must(rmdir(registry) == 0, registry);
}

void fleet_wait_active(size_t count)
{
	pthread_mutex_lock(&fleet.lock);
	while (fleet.active != count)
		pthread_cond_wait(&fleet.changed, &fleet.lock);
	pthread_mutex_unlock(&fleet.lock);
}

void fleet_release(void)
{
	pthread_mutex_lock(&fleet.lock);
	for (size_t i = 0; i < fleet.count; i++)
		end_active(&fleet.machines[i], 0, "The session has ended.");
	pthread_mutex_unlock(&fleet.lock);
}

void fleet_wait_cancels(size_t count)
{
	pthread_mutex_lock(&fleet.lock);
	while (fleet.cancels < count)
		pthread_cond_wait(&fleet.changed, &fleet.lock);
	pthread_mutex_unlock(&fleet.lock);
}

size_t fleet_most_active(void)
{
	size_t most;

	pthread_mutex_lock(&fleet.lock);
	most = fleet.most_active;
	pthread_mutex_unlock(&fleet.lock);
	return most;
}

static const struct machine *find(const char *name)
{
	for (size_t i = 0; i < fleet.count; i++) {
		if (strcmp(fleet.machines[i].name, name) == 0)
			return &fleet.machines[i];
	}
	must(false, name);
	return NULL;
}

size_t fleet_logoffs(const char *name)
{
	size_t logoffs;

	pthread_mutex_lock(&fleet.lock);
	logoffs = find(name)->logoffs;
	pthread_mutex_unlock(&fleet.lock);
	return logoffs;
}

const char *fleet_last_logoff(const char *name)
{
	static char line[LINE_SIZE];

	pthread_mutex_lock(&fleet.lock);
	snprintf(line, sizeof(line), "%s", find(name)->last);
	pthread_mutex_unlock(&fleet.lock);
	return line;
}
