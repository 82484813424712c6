// SPDX-License-Identifier: GPL-2.0-or-later
#include "exec.h"

#include <stdio.h>
#include <string.h>

#include "json_text.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define TIMEOUT_DEFAULT 120
#define OUTPUT_MAX      (8 << 20)

struct exec_command {
	STAILQ_ENTRY(exec_command) entry;
	uint64_t client; /* 0 after the timeout */
	uint64_t deadline_us;
	unsigned long number;
	char *script;
	char *output;
	size_t output_length;
};

static struct exec_command *running(struct exec *exec)
{
	return exec->running ? STAILQ_FIRST(&exec->commands) : NULL;
}

static void drop(struct exec *exec, struct exec_command *command)
{
	STAILQ_REMOVE(&exec->commands, command, exec_command, entry);
	free(command->script);
	free(command->output);
	free(command);
}

static void start_next(struct exec *exec)
{
	struct exec_command *command = STAILQ_FIRST(&exec->commands);
	char head[64];

	if (!exec->ready || exec->running || !command)
		return;
	exec->running = true;
	command->number = ++exec->number;
	snprintf(head, sizeof(head), "RUN %lu %zu\n", command->number, strlen(command->script));
	serial_input(&exec->vm->agent, head, strlen(head));
	serial_input(&exec->vm->agent, command->script, strlen(command->script));
}

static void arm_timer(struct exec *exec)
{
	struct exec_command *command;
	uint64_t first = UINT64_MAX;

	STAILQ_FOREACH(command, &exec->commands, entry) {
		if (command->client)
			first = MIN(first, command->deadline_us);
	}
	timer_set_deadline(&exec->timer, first);
}

/* The command that is running cannot be cancelled: it stays in the queue until it ends. */
static void expired(struct timer *timer)
{
	struct exec *exec = container_of(timer, struct exec, timer);
	struct exec_command *command = STAILQ_FIRST(&exec->commands);

	while (command) {
		struct exec_command *next = STAILQ_NEXT(command, entry);

		if (command->client && command->deadline_us <= now_us()) {
			control_fail(&exec->vm->control, command->client, HV_LOGOFF_E_TIMED_OUT,
				     exec->ready ? "The command did not end in time."
						 : "The agent in the guest did not start in time.");
			command->client = 0;
			if (command != running(exec))
				drop(exec, command);
		}
		command = next;
	}
	arm_timer(exec);
}

static void ended(struct exec *exec, unsigned long number, int status)
{
	struct exec_command *command = running(exec);

	if (!command || command->number != number)
		return;
	if (command->client)
		control_reply(&exec->vm->control, command->client,
			      json_pack("{s:b, s:i, s:o}", "ok", 1, "status", status, "output",
					text_to_json(command->output, command->output_length)));
	drop(exec, command);
	exec->running = false;
	arm_timer(exec);
	start_next(exec);
}

/* The result of the running command is lost. */
static void fail_running(struct exec *exec, const char *why)
{
	struct exec_command *command = running(exec);

	if (!command)
		return;
	if (command->client)
		control_fail(&exec->vm->control, command->client, HV_LOGOFF_E_FAIL, why);
	drop(exec, command);
	exec->running = false;
	arm_timer(exec);
}

static void agent_started(struct exec *exec)
{
	fail_running(exec, "The agent in the guest restarted.");
	exec->ready = true;
	start_next(exec);
}

void exec_reset(struct exec *exec)
{
	fail_running(exec, "The guest was reset.");
	exec->ready = false;
	exec->line_length = 0;
	exec->data_left = 0;
}

static void line_complete(struct exec *exec)
{
	unsigned long number;
	size_t length;
	int status;

	exec->line[exec->line_length] = 0;
	exec->line_length = 0;
	if (strcmp(exec->line, "READY") == 0) {
		agent_started(exec);
	} else if (sscanf(exec->line, "OUT %lu %zu", &number, &length) == 2) {
		exec->data_of = number;
		exec->data_left = length;
	} else if (sscanf(exec->line, "END %lu %d", &number, &status) == 2) {
		ended(exec, number, status);
	}
}

static void output_byte(struct exec *exec, uint8_t byte)
{
	struct exec_command *command = running(exec);
	char *output;

	exec->data_left--;
	if (!command || command->number != exec->data_of || command->output_length == OUTPUT_MAX)
		return;
	if (command->output_length % 4096 == 0) {
		output = realloc(command->output, command->output_length + 4096);
		if (!output)
			return;
		command->output = output;
	}
	command->output[command->output_length++] = (char)byte;
}

void exec_input(struct exec *exec, uint8_t byte)
{
	if (exec->data_left)
		output_byte(exec, byte);
	else if (byte == '\n')
		line_complete(exec);
	else if (exec->line_length < sizeof(exec->line) - 1)
		exec->line[exec->line_length++] = (char)byte;
}

int exec_init(struct exec *exec, struct vm *vm)
{
	exec->vm = vm;
	STAILQ_INIT(&exec->commands);
	return timer_init(&vm->loop, &exec->timer, expired);
}

void exec_done(struct exec *exec)
{
	struct exec_command *command;

	if (!exec->vm)
		return;
	while ((command = STAILQ_FIRST(&exec->commands)))
		drop(exec, command);
}

void exec_run_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const char *script = json_string_value(json_object_get(request, "script"));
	const json_t *timeout = json_object_get(request, "timeout");
	struct exec *exec = &vm->exec;
	struct exec_command *command;

	if (!script) {
		control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG,
			     "\"exec\" needs \"script\": a script for the guest's shell.");
		return;
	}
	command = calloc(1, sizeof(*command));
	if (command)
		command->script = strdup(script);
	if (!command || !command->script) {
		free(command);
		control_fail_no_memory(&vm->control, client);
		return;
	}
	command->client = client;
	command->deadline_us =
		now_us() +
		1000000ULL * (uint64_t)(timeout ? json_number_value(timeout) : TIMEOUT_DEFAULT);
	STAILQ_INSERT_TAIL(&exec->commands, command, entry);
	arm_timer(exec);
	start_next(exec);
}
