// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/hvhost/socket.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/host/libvmguestos/hresult.h"
#include "userspace/host/libvmguestos/vmguestos.h"

#define LINE_MAX_BYTES   (1 << 20)
#define OUTPUT_MAX_BYTES (64 << 20) /* queued for a client that does not read */
/* With this number of clients, new ones without permission are disconnected. */
#define CLIENTS_CROWDED  128

struct client {
	LIST_ENTRY(client) entry;
	struct control *control;
	struct source source;
	uint64_t number;
	bool identified; /* @peer is known */
	struct peer peer;
	unsigned int unanswered; /* commands without a reply yet */
	char *input;
	size_t input_length;
	char *output;
	size_t output_length;
	bool lost; /* disconnected or to be disconnected; client_ready() frees it */
};

static void client_free(struct client *client)
{
	loop_remove(&client->control->vm->loop, &client->source);
	LIST_REMOVE(client, entry);
	client->control->client_count--;
	closep(&client->source.fd);
	free(client->input);
	free(client->output);
	free(client);
}

static struct client *find(const struct control *control, uint64_t number)
{
	struct client *client;

	LIST_FOREACH(client, &control->clients, entry) {
		if (client->number == number && !client->lost)
			return client;
	}
	return NULL;
}

bool control_has_client(const struct control *control, uint64_t client)
{
	return find(control, client);
}

enum permission control_permission(const struct control *control, uint64_t number)
{
	const struct client *client = find(control, number);

	return client ? client->peer.permission : PERMISSION_NONE;
}

/* Waits for EPOLLOUT if the socket is full. An error is handled by client_ready(). */
static void flush(struct client *client)
{
	ssize_t sent = send(client->source.fd, client->output, client->output_length,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		client->lost = true;
	if (sent > 0) {
		client->output_length -= (size_t)sent;
		memmove(client->output, client->output + sent, client->output_length);
	}
	loop_change(&client->control->vm->loop, &client->source,
		    EPOLLIN | (client->output_length || client->lost ? EPOLLOUT : 0));
}

static void append(struct client *client, const char *data, size_t length)
{
	char *output = NULL;

	if (client->output_length + length <= OUTPUT_MAX_BYTES)
		output = realloc(client->output, client->output_length + length);
	if (!output) {
		client->lost = true;
		return;
	}
	memcpy(output + client->output_length, data, length);
	client->output = output;
	client->output_length += length;
}

/* Takes ownership of @json. */
static void send_json(struct client *client, json_t *json)
{
	_cleanup_free_ char *line = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (!client || !line)
		return;
	append(client, line, strlen(line));
	append(client, "\n", 1);
	flush(client);
}

void control_event(struct control *control, uint64_t number, json_t *json)
{
	send_json(find(control, number), json);
}

void control_reply(struct control *control, uint64_t number, json_t *json)
{
	struct client *client = find(control, number);

	if (client)
		client->unanswered--;
	send_json(client, json);
}

void control_ok(struct control *control, uint64_t client)
{
	control_reply(control, client, json_pack("{s:b}", "ok", 1));
}

json_t *control_failure(uint32_t hresult, const char *why)
{
	return json_pack("{s:b, s:s, s:I, s:s}", "ok", 0, "error", why, "hresult",
			 (json_int_t)hresult, "name", hresult_name(hresult));
}

json_t *control_result(uint32_t hresult)
{
	return json_pack("{s:b, s:I, s:s}", "ok", 1, "hresult", (json_int_t)hresult, "name",
			 hresult_name(hresult));
}

void control_fail(struct control *control, uint64_t client, uint32_t hresult, const char *why)
{
	control_reply(control, client, control_failure(hresult, why));
}

void control_fail_no_memory(struct control *control, uint64_t client)
{
	control_fail(control, client, HV_LOGOFF_E_FAIL, "Out of memory.");
}

static void run_line(struct client *client, const char *line, size_t length)
{
	json_error_t error;
	json_auto_t *request = json_loadb(line, length, 0, &error);

	if (!client->identified) {
		client->identified =
			peer_from_json(json_object_get(request, "peer"), &client->peer) == 0;
		client->lost = !client->identified;
		return;
	}
	client->unanswered++;
	if (json_is_object(request))
		command_run(client->control->vm, client->number, &client->peer, request);
	else
		control_fail(client->control, client->number, HV_LOGOFF_E_INVALIDARG,
			     "A command must be one JSON object on one line.");
}

static void run_lines(struct client *client)
{
	char *line = client->input, *end = client->input + client->input_length, *newline;

	while (!client->lost && (newline = memchr(line, '\n', (size_t)(end - line)))) {
		run_line(client, line, (size_t)(newline - line));
		line = newline + 1;
	}
	client->input_length = (size_t)(end - line);
	memmove(client->input, line, client->input_length);
}

/* False if the client has disconnected, or must be disconnected. */
static bool receive(struct client *client)
{
	char buffer[4096];
	ssize_t got = recv(client->source.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	char *input;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0 || client->input_length + (size_t)got > LINE_MAX_BYTES)
		return false;
	input = realloc(client->input, client->input_length + (size_t)got);
	if (!input)
		return false;
	memcpy(input + client->input_length, buffer, (size_t)got);
	client->input = input;
	client->input_length += (size_t)got;
	run_lines(client);
	return true;
}

static void client_ready(struct source *source, uint32_t events)
{
	struct client *client = container_of(source, struct client, source);

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !receive(client))
		client->lost = true;
	if (!client->lost && (events & EPOLLOUT))
		flush(client);
	if (client->lost)
		client_free(client);
}

/* Many clients without permission must not lock out those with permission. */
static bool is_admitted(const struct control *control, int fd, struct peer *peer)
{
	return peer_of_socket(fd, &control->vm->config->access, peer) == 0 &&
	       (peer->permission != PERMISSION_NONE || control->client_count < CLIENTS_CROWDED);
}

/* Takes ownership of @fd. */
static void add_client(struct control *control, int fd, const struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return;
	}
	client->control = control;
	client->number = ++control->last_client;
	client->identified = !control->relayed;
	client->peer = *peer;
	client->source.fd = fd;
	client->source.ready = client_ready;
	LIST_INSERT_HEAD(&control->clients, client, entry);
	control->client_count++;
	if (loop_add(&control->vm->loop, &client->source, EPOLLIN) < 0)
		client_free(client);
}

static void accept_client(struct source *source, uint32_t events)
{
	struct control *control = container_of(source, struct control, listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer peer;

	(void)events;
	if (fd < 0)
		return;
	if (is_admitted(control, fd, &peer))
		add_client(control, fd, &peer);
	else
		close(fd);
}

void control_changed(struct control *control)
{
	eventfd_write(control->change.fd, 1);
}

static void changed(struct source *source, uint32_t events)
{
	struct control *control = container_of(source, struct control, change);
	eventfd_t count;

	(void)events;
	eventfd_read(source->fd, &count);
	console_flush(&control->console);
	waits_check(&control->waits);
	watches_check(&control->watches);
}

int control_init(struct control *control, struct vm *vm, bool relayed)
{
	int ret;

	control->vm = vm;
	control->relayed = relayed;
	watches_init(&control->watches, vm);
	control->listener.fd = -1;
	control->change.ready = changed;
	control->change.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->change.fd < 0)
		return -errno;
	ret = loop_add(&vm->loop, &control->change, EPOLLIN);
	if (ret == 0)
		ret = console_init(&control->console, vm);
	if (ret == 0)
		ret = waits_init(&control->waits, vm);
	return ret;
}

int control_listen(struct control *control)
{
	signal(SIGPIPE, SIG_IGN);
	control->listener.ready = accept_client;
	control->listener.fd = socket_listen(control->vm->config->directory, CONTROL_SOCKET);
	if (control->listener.fd < 0)
		return control->listener.fd;
	return loop_add(&control->vm->loop, &control->listener, EPOLLIN);
}

/* Sends the rest of the console, and fails all commands that have no reply yet. */
void control_done(struct control *control)
{
	struct client *client;

	if (!control->vm)
		return;
	/* First, so that a client does not reconnect once its connection has ended. */
	if (control->listener.fd >= 0)
		socket_unlink(control->vm->config->directory, CONTROL_SOCKET);
	closep(&control->listener.fd);
	console_done(&control->console);
	waits_done(&control->waits);
	watches_done(&control->watches);
	while ((client = LIST_FIRST(&control->clients))) {
		if (client->unanswered)
			send_json(client, control_failure((uint32_t)VM_E_VM_NOT_RUNNING,
							  "The machine has ended."));
		client_free(client);
	}
	closep(&control->change.fd);
}
