// SPDX-License-Identifier: GPL-2.0-or-later
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "json_text.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

struct follower {
	LIST_ENTRY(follower) entry;
	uint64_t client;
	uint64_t offset;
};

int console_init(struct console *console, struct vm *vm)
{
	_cleanup_free_ char *path = NULL;

	console->vm = vm;
	LIST_INIT(&console->followers);
	if (asprintf(&path, "%s/console.log", vm->config->directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	console->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return console->fd < 0 ? -errno : 0;
}

/* Sends the console's output from @offset on. Returns the offset of its end. */
static uint64_t send_from(struct console *console, uint64_t client, uint64_t offset)
{
	char buffer[16384];
	ssize_t got;

	while ((got = pread(console->fd, buffer, sizeof(buffer), (off_t)offset)) > 0) {
		control_event(&console->vm->control, client,
			      json_pack("{s:s, s:o}", "event", "console", "data",
					text_to_json(buffer, (size_t)got)));
		offset += (uint64_t)got;
	}
	return offset;
}

static void update_followers(struct console *console)
{
	struct follower *follower = LIST_FIRST(&console->followers);

	while (follower) {
		struct follower *next = LIST_NEXT(follower, entry);

		if (control_has_client(&console->vm->control, follower->client)) {
			follower->offset = send_from(console, follower->client, follower->offset);
		} else {
			LIST_REMOVE(follower, entry);
			free(follower);
		}
		follower = next;
	}
}

static void write_pending(struct console *console)
{
	if (write_all(console->fd, console->buffer, console->pending) == 0)
		console->bytes += console->pending;
	console->pending = 0;
}

void console_flush(struct console *console)
{
	if (!console->pending)
		return;
	write_pending(console);
	update_followers(console);
}

/* Buffers the byte: the loop writes the buffer to the file. */
void console_put(struct console *console, uint8_t byte)
{
	if (console->pending == sizeof(console->buffer))
		write_pending(console);
	if (console->pending == 0)
		control_changed(&console->vm->control);
	console->buffer[console->pending++] = (char)byte;
}

static void reply(struct console *console, uint64_t client, uint64_t offset)
{
	control_reply(&console->vm->control, client,
		      json_pack("{s:b, s:I}", "ok", 1, "offset", (json_int_t)offset));
}

void console_done(struct console *console)
{
	struct follower *follower;

	if (console->fd < 0 || !console->vm)
		return;
	console_flush(console);
	while ((follower = LIST_FIRST(&console->followers))) {
		reply(console, follower->client, follower->offset);
		LIST_REMOVE(follower, entry);
		free(follower);
	}
	closep(&console->fd);
}

void console_command(struct vm *vm, uint64_t client, const json_t *request)
{
	struct console *console = &vm->control.console;
	uint64_t offset = (uint64_t)json_integer_value(json_object_get(request, "offset"));
	struct follower *follower;

	console_flush(console);
	offset = send_from(console, client, offset);
	if (!json_is_true(json_object_get(request, "follow"))) {
		reply(console, client, offset);
		return;
	}
	follower = calloc(1, sizeof(*follower));
	if (!follower) {
		control_fail_no_memory(&vm->control, client);
		return;
	}
	follower->client = client;
	follower->offset = offset;
	LIST_INSERT_HEAD(&console->followers, follower, entry);
}

void console_input_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const json_t *data = json_object_get(request, "data");

	if (!json_is_string(data)) {
		control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG,
			     "\"input\" needs \"data\": the input for ttyS0.");
		return;
	}
	serial_input(&vm->console, json_string_value(data), json_string_length(data));
	control_ok(&vm->control, client);
}
