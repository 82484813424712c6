/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shell commands in the guest, run by an agent on ttyS1. The protocol:
 *	to the guest:	RUN <number> <length>\n and the script
 *	from the guest:	READY\n when the agent starts; then, for each script, any
 *			number of OUT <number> <length>\n and that many bytes, and
 *			finally END <number> <exit status>\n
 */
#ifndef HVHOST_EXEC_H
#define HVHOST_EXEC_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "tests/hvhost/loop.h"

struct vm;
struct exec_command;

struct exec {
	struct vm *vm;
	struct timer timer; /* for the earliest deadline */
	bool ready;         /* the agent has started */
	unsigned long number;
	char line[64];
	size_t line_length;
	size_t data_left; /* bytes of an OUT still to come */
	unsigned long data_of;
	STAILQ_HEAD(exec_commands, exec_command) commands; /* the first one runs, if `running` */
	bool running;
};

int exec_init(struct exec *exec, struct vm *vm);
void exec_done(struct exec *exec);
/* The guest is reset: fails the running command, and waits for the agent to start again. */
void exec_reset(struct exec *exec);
void exec_input(struct exec *exec, uint8_t byte);
void exec_run_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_EXEC_H */
