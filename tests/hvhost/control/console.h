/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's console (ttyS0): the log file of its output, and the clients that follow it. */
#ifndef HVHOST_CONSOLE_H
#define HVHOST_CONSOLE_H

#include <jansson.h>
#include <stdint.h>
#include <sys/queue.h>

struct vm;
struct follower;

struct console {
	struct vm *vm;
	int fd;
	uint64_t bytes; /* in the file */
	size_t pending; /* in @buffer, not in the file yet */
	char buffer[4096];
	LIST_HEAD(followers, follower) followers;
};

int console_init(struct console *console, struct vm *vm);
void console_done(struct console *console);
void console_put(struct console *console, uint8_t byte);
void console_flush(struct console *console);
void console_command(struct vm *vm, uint64_t client, const json_t *request);
void console_input_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_CONSOLE_H */
