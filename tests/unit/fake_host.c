// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_host.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_line.h"
#include "userspace/shared/kvp_sessions.h"
#include "userspace/shared/kvp_value.h"
#include "userspace/shared/util.h"

#define CLIENTS_MAX 16
#define LINE_SIZE   4096

struct client {
	int fd;
	bool watches;
	char line[LINE_SIZE];
	size_t length;
};

static struct host {
	char registry[64];
	char directory[128];
	pthread_t thread;
	bool runs;
	int stop[2];
	int listener;
	pthread_mutex_t lock; /* protects the following */
	pthread_cond_t disconnected;
	struct client clients[CLIENTS_MAX];
	int task; /* the socket of the last logoff's client, or -1 */
	bool negotiated;
	const char *version;
	uint32_t refusal;
	uint32_t cancel_answer;
	const char *before, *after;
	char kvp_request[LINE_SIZE], kvp_answer[LINE_SIZE], kvp_sessions[LINE_SIZE];
	pthread_cond_t kvp_written;
	char logoff[LINE_SIZE];
	char cancel[LINE_SIZE];
} host = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.disconnected = PTHREAD_COND_INITIALIZER,
	.kvp_written = PTHREAD_COND_INITIALIZER,
};

static pthread_mutex_t *lock(void)
{
	pthread_mutex_lock(&host.lock);
	return &host.lock;
}

static void unlock(pthread_mutex_t *const *held)
{
	pthread_mutex_unlock(*held);
}

/* Holds the lock until the end of the scope. */
#define SCOPED_LOCK() _cleanup_(unlock) __attribute__((unused)) pthread_mutex_t *const held = lock()

/* Aborts the test program on an unexpected error. */
static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

/* Ignores a client that has disconnected. */
static void send_text(int fd, const char *bytes)
{
	if (fd >= 0 && bytes)
		must(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL) > 0 || errno == EPIPE, "send");
}

static void send_json(int fd, json_t *json)
{
	char *line = json_dumps(json, JSON_COMPACT);

	send_text(fd, line);
	send_text(fd, "\n");
	free(line);
	json_decref(json);
}

static json_t *refusal(uint32_t hresult, int code)
{
	return json_pack("{s:b, s:s, s:I, s:i}", "ok", 0, "error", "No.", "hresult",
			 (json_int_t)hresult, "return", code);
}

static void reply_to_logoff(struct client *client)
{
	snprintf(host.logoff, sizeof(host.logoff), "%s", client->line);
	if (host.negotiated && !host.refusal) {
		host.task = client->fd;
		send_text(client->fd, host.before);
		return;
	}
	send_json(client->fd, refusal(host.refusal ? host.refusal : 0xa0040505, 0));
}

static void reply_to_cancel(struct client *client)
{
	char text[128];

	snprintf(host.cancel, sizeof(host.cancel), "%s", client->line);
	if (!host.negotiated) {
		send_json(client->fd, refusal(0xa0040505, 0));
		return;
	}
	snprintf(text, sizeof(text), "{\"ok\":true,\"hresult\":%u,\"state\":\"grace\"}\n",
		 host.cancel_answer);
	send_text(client->fd, text);
}

static void reply_to_status(const struct client *client)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"ok\":true,\"state\":\"running\",\"permission\":\"%s\",\"components\":"
		 "{\"logoff\":{\"negotiated\":%s,\"version\":\"%s\"}}}\n%s",
		 host.refusal == 0x80070005 ? "none" : "execute",
		 host.negotiated ? "true" : "false", host.version,
		 host.after && client->fd == host.task ? host.after : "");
	send_text(client->fd, text);
}

static void reply_to_watch(struct client *client)
{
	if (!host.refusal) {
		client->watches = true;
		send_text(client->fd, "{\"event\":\"watching\"}\n");
		return;
	}
	send_json(client->fd, refusal(host.refusal, 0));
}

static bool write_request(const json_t *command, bool adds)
{
	const char *data = json_string_value(json_object_get(command, "data"));

	must(strcmp(json_string_value(json_object_get(command, "name")), KVP_REQUEST_KEY) == 0,
	     "the item's name");
	if (adds == !!*host.kvp_request)
		return false;
	snprintf(host.kvp_request, sizeof(host.kvp_request), "%s", data);
	pthread_cond_broadcast(&host.kvp_written);
	return true;
}

static json_t *items(const char *name, const char *value, const char *sessions)
{
	return json_pack("{s:b, s:i, s:{s:s*, s:s*}}", "ok", 1, "return", 0, "items", name,
			 *value ? value : NULL, KVP_SESSIONS_KEY "1", *sessions ? sessions : NULL);
}

static void reply_to_kvp(struct client *client)
{
	json_t *command = json_loads(client->line, 0, NULL), *reply;
	const char *verb = json_string_value(json_object_get(command, "command"));

	if (host.refusal)
		reply = refusal(host.refusal, 32769);
	else if (strcmp(verb, "kvp_host_items") == 0)
		reply = items(KVP_REQUEST_KEY, host.kvp_request, "");
	else if (strcmp(verb, "kvp_guest_items") == 0)
		reply = items(KVP_ANSWER_KEY, host.kvp_answer, host.kvp_sessions);
	else if (write_request(command, strcmp(verb, "kvp_add") == 0))
		reply = json_pack("{s:b, s:i}", "ok", 1, "return", 0);
	else
		reply = refusal(0x80070057, 32773);
	send_json(client->fd, reply);
	json_decref(command);
}

static void reply_to(struct client *client)
{
	if (strstr(client->line, "\"command\":\"logoff\""))
		reply_to_logoff(client);
	else if (strstr(client->line, "\"command\":\"cancel\""))
		reply_to_cancel(client);
	else if (strstr(client->line, "\"command\":\"kvp_"))
		reply_to_kvp(client);
	else if (strstr(client->line, "\"command\":\"watch\""))
		reply_to_watch(client);
	else
		reply_to_status(client);
}

static void disconnect(struct client *client)
{
	if (client->fd == host.task)
		host.task = -1;
	close(client->fd);
	*client = (struct client){.fd = -1};
	pthread_cond_broadcast(&host.disconnected);
}

static void receive(struct client *client)
{
	int ret;

	while ((ret = fake_line_receive(client->fd, client->line, LINE_SIZE, &client->length)) > 0)
		reply_to(client);
	if (ret < 0)
		disconnect(client);
}

static void take_client(void)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (host.clients[i].fd >= 0)
			continue;
		host.clients[i].fd = accept4(host.listener, NULL, NULL, SOCK_CLOEXEC);
		must(host.clients[i].fd >= 0, "accept");
		return;
	}
	must(false, "too many clients");
}

static void *run(void *unused)
{
	struct pollfd ready[CLIENTS_MAX + 2];

	(void)unused;
	for (;;) {
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			ready[i] = (struct pollfd){.fd = host.clients[i].fd, .events = POLLIN};
		ready[CLIENTS_MAX] = (struct pollfd){.fd = host.listener, .events = POLLIN};
		ready[CLIENTS_MAX + 1] = (struct pollfd){.fd = host.stop[0], .events = POLLIN};
		must(poll(ready, CLIENTS_MAX + 2, -1) > 0, "poll");
		if (ready[CLIENTS_MAX + 1].revents)
			return NULL;
		lock();
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (ready[i].revents)
				receive(&host.clients[i]);
		}
		if (ready[CLIENTS_MAX].revents)
			take_client();
		pthread_mutex_unlock(&host.lock);
	}
}

void fake_host_registry(void)
{
	snprintf(host.registry, sizeof(host.registry), "/tmp/fake-host.XXXXXX");
	must(mkdtemp(host.registry), host.registry);
	snprintf(host.directory, sizeof(host.directory), "%s/" FAKE_HOST_NAME, host.registry);
	must(mkdir(host.directory, 0755) == 0, host.directory);
	setenv("HVHOST_DIR", host.registry, 1);
}

void fake_host_registry_remove(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/control.sock", host.directory);
	unlink(path);
	rmdir(host.directory);
	must(rmdir(host.registry) == 0, host.registry);
}

const char *fake_host_registry_path(void)
{
	return host.registry;
}

const char *fake_host_directory(void)
{
	return host.directory;
}

void fake_host_start(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	host.task = -1;
	host.negotiated = true;
	host.version = "1.1";
	host.refusal = host.cancel_answer = 0;
	host.before = host.after = NULL;
	host.logoff[0] = host.cancel[0] = host.kvp_request[0] = host.kvp_answer[0] =
		host.kvp_sessions[0] = '\0';
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		host.clients[i] = (struct client){.fd = -1};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/control.sock", host.directory);
	unlink(address.sun_path);
	host.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(host.listener >= 0, "socket");
	must(bind(host.listener, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(host.listener, CLIENTS_MAX) == 0, "listen");
	must(pipe(host.stop) == 0, "pipe");
	must(pthread_create(&host.thread, NULL, run, NULL) == 0, "pthread_create");
	host.runs = true;
}

/* The socket's file remains, as it does when a host is killed. */
void fake_host_stop(void)
{
	if (!host.runs)
		return;
	host.runs = false;
	must(write(host.stop[1], "", 1) == 1, "write");
	pthread_join(host.thread, NULL);
	close(host.stop[0]);
	close(host.stop[1]);
	close(host.listener);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (host.clients[i].fd >= 0)
			disconnect(&host.clients[i]);
	}
}

void fake_host_set_negotiated(bool negotiated)
{
	SCOPED_LOCK();

	host.negotiated = negotiated;
}

void fake_host_set_version(const char *version)
{
	SCOPED_LOCK();

	host.version = version;
}

void fake_host_set_refusal(uint32_t hresult)
{
	SCOPED_LOCK();

	host.refusal = hresult;
}

void fake_host_set_cancel_result(uint32_t hresult)
{
	SCOPED_LOCK();

	host.cancel_answer = hresult;
}

void fake_host_set_early_output(const char *before, const char *after)
{
	SCOPED_LOCK();

	host.before = before;
	host.after = after;
}

/* Replaces "@" by the id of the last request. */
static void set_guest_item(char item[LINE_SIZE], const char *value)
{
	const char *place = strchr(value, '@'), *id = strstr(host.kvp_request, " id=");

	if (place && id)
		snprintf(item, LINE_SIZE, "%.*s%.*s%s", (int)(place - value), value,
			 (int)strcspn(id + 4, " "), id + 4, place + 1);
	else
		snprintf(item, LINE_SIZE, "%s", value);
}

void fake_host_kvp_set_answer(const char *value)
{
	SCOPED_LOCK();

	set_guest_item(host.kvp_answer, value);
}

void fake_host_kvp_set_sessions(const char *value)
{
	SCOPED_LOCK();

	set_guest_item(host.kvp_sessions, value);
}

void fake_host_kvp_set_request(const char *value)
{
	SCOPED_LOCK();

	snprintf(host.kvp_request, sizeof(host.kvp_request), "%s", value);
}

const char *fake_host_kvp_wait(const char *part)
{
	static char request[LINE_SIZE];
	SCOPED_LOCK();

	while (!strstr(host.kvp_request, part))
		pthread_cond_wait(&host.kvp_written, &host.lock);
	snprintf(request, sizeof(request), "%s", host.kvp_request);
	return request;
}

void fake_host_send(const char *bytes)
{
	SCOPED_LOCK();

	send_text(host.task, bytes);
}

void fake_host_send_progress(const char *state, int percent, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"event\":\"progress\",\"id\":\"0x1\",\"state\":\"%s\",\"percent\":%d,"
		 "\"found\":3,\"ended\":1,\"failed\":0,\"text\":\"%s\"}\n",
		 state, percent, text);
	fake_host_send(line);
}

void fake_host_send_result(uint32_t hresult)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"ok\":true,\"hresult\":%u,\"name\":\"\",\"id\":\"0x1\",\"state\":\"done\","
		 "\"percent\":90,\"found\":3,\"ended\":2,\"failed\":1,\"text\":\"The end.\","
		 "\"replay\":false}\n",
		 hresult);
	fake_host_send(line);
}

void fake_host_send_event(const char *bytes)
{
	SCOPED_LOCK();

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (host.clients[i].watches)
			send_text(host.clients[i].fd, bytes);
	}
}

void fake_host_send_session(const char *id, const char *outcome, const char *kind,
			    const char *session)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"event\":\"session\",\"id\":\"%s\",\"outcome\":\"%s\",\"kind\":\"%s\","
		 "\"uid\":1000,\"user\":\"anna\",\"session\":\"%s\",\"lost\":3}\n",
		 id, outcome, kind, session);
	fake_host_send(line);
	fake_host_send_event(line);
}

const char *fake_host_received(const char *command)
{
	static char line[LINE_SIZE];
	SCOPED_LOCK();

	snprintf(line, sizeof(line), "%s",
		 strcmp(command, "logoff") == 0 ? host.logoff : host.cancel);
	return line;
}

void fake_host_wait_disconnect(void)
{
	SCOPED_LOCK();

	while (host.task >= 0)
		pthread_cond_wait(&host.disconnected, &host.lock);
}

static bool is_watched(void)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (host.clients[i].watches)
			return true;
	}
	return false;
}

void fake_host_wait_unwatched(void)
{
	SCOPED_LOCK();

	while (is_watched())
		pthread_cond_wait(&host.disconnected, &host.lock);
}
