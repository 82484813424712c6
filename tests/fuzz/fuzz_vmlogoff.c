// SPDX-License-Identifier: GPL-2.0-or-later
/* A request on vmlogoff's standard input, and a later line of it. */
#include "fuzz.h"
#include "userspace/host/vmlogoff/request.h"
#include "userspace/shared/text.h"

static void must_be_text(const char *text, size_t most)
{
	must(!text || (strlen(text) <= most && text_is_utf8(text)));
}

/* What vmlogoff and libvmguestos rely on. */
static void must_be_valid(const struct command *command)
{
	const VMLogoffOptions *options = &command->options;

	must(options->timeout >= 1 && options->timeout <= VM_LOGOFF_TIMEOUT_MAX);
	must(options->grace < options->timeout);
	must_be_text(options->message, VM_LOGOFF_MESSAGE_MAX);
	must_be_text(options->user, VM_LOGOFF_USER_MAX);
	must_be_text(options->session, VM_LOGOFF_SESSION_MAX);
	must(!options->user || *options->user);
	must(!options->session || *options->session);
	must(command->parallel >= 1 && command->parallel <= PARALLEL_MAX);
	must(command->all || command->action == ACTION_LIST || command->machine_count > 0);
	must(command->action != ACTION_WATCH || command->machine_count == 1);
	for (size_t i = 0; i < command->machine_count; i++)
		must(*command->machines[i] && text_is_utf8(command->machines[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = exact_copy(data, size);
	struct command command;

	command_init(&command);
	if (request_parse(&command, line, size))
		must_be_valid(&command);
	else
		must(command.refusal && *command.refusal && !strchr(command.refusal, '\n'));
	if (request_is_cancel(line, size))
		must(command.refusal && command.action == ACTION_CANCEL);
	command_done(&command);
	free(line);
	return 0;
}
