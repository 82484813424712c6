// SPDX-License-Identifier: GPL-2.0-or-later
/* vmlogoff: a command that logs off the users of virtual machines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "machines.h"
#include "options.h"
#include "request.h"
#include "run.h"
#include "show.h"
#include "status.h"
#include "system.h"
#include "userspace/shared/util.h"
#include "watch.h"

#define NO_MEMORY "There is not enough memory for a thread."

static int refuse(struct show *show, HRESULT hr, const char *text)
{
	show_refusal(show, hr, text);
	return hr == E_INVALIDARG ? STATUS_USAGE : status_of(hr);
}

/* The machines cannot be listed. */
static int refuse_host(struct show *show, HRESULT hr)
{
	const char *text = VMGuestOS_LastErrorText();

	return refuse(show, hr, *text ? text : VMGuestOS_ErrorText(hr));
}

/* The command is invalid. getopt_long() has described its own errors. */
static int refuse_usage(struct show *show, const struct command *command)
{
	_cleanup_free_ char *text = NULL;

	if (!command->refusal) {
		fputs("Try \"vmlogoff --help\".\n", stderr);
		return STATUS_USAGE;
	}
	if (asprintf(&text, "%s.%s", command->refusal,
		     command->by_request ? "" : " Try \"vmlogoff --help\".") < 0)
		text = NULL;
	return refuse(show, E_INVALIDARG, text ? text : command->refusal);
}

static int list(const struct command *command, struct show *show, struct machines *machines)
{
	HRESULT hr = machines_add_all(machines);

	if (FAILED(hr))
		return refuse_host(show, hr);
	if (!run_checks(command, machines))
		return refuse(show, E_OUTOFMEMORY, NO_MEMORY);
	for (size_t i = 0; i < machines->count; i++)
		show_machine(show, &machines->list[i]);
	return EXIT_SUCCESS;
}

static int watch_machine(const struct command *command, struct show *show,
			 struct machines *machines)
{
	HRESULT hr = machines_add(machines, command->machines[0]);
	struct machine *machine = machines->list;

	if (FAILED(hr))
		return refuse_host(show, hr);
	if (machines->count > 1)
		return refuse(show, E_INVALIDARG, "Several machines match the pattern.");
	if (machine->guest)
		machine->result = watch(command, show, machine);
	if (FAILED(machine->result))
		show_failure(show, machine, machine->guest ? VMGuestOS_LastErrorText() : "");
	return status_of(machine->result);
}

static HRESULT select_named(const struct command *command, struct machines *machines)
{
	HRESULT hr = S_OK;

	for (size_t i = 0; SUCCEEDED(hr) && i < command->machine_count; i++)
		hr = machines_add(machines, command->machines[i]);
	return hr;
}

/* Selects the machines whose users can be logged off, and shows the others. */
static HRESULT select_all(const struct command *command, struct show *show,
			  struct machines *machines)
{
	HRESULT hr = machines_add_all(machines);

	if (SUCCEEDED(hr) && !run_checks(command, machines))
		hr = E_OUTOFMEMORY;
	for (size_t i = 0; SUCCEEDED(hr) && i < machines->count; i++) {
		if (machines->list[i].result != S_OK)
			show_skipped(show, &machines->list[i]);
	}
	machines_drop_failed(machines);
	return hr;
}

/* Whether someone has to agree to the logoff. */
static bool must_ask(const struct command *command)
{
	return command->all && !command->yes && command->action == ACTION_LOGOFF &&
	       !(command->options.flags & VM_LOGOFF_DRY_RUN);
}

static bool ask(const struct machines *machines)
{
	char answer[16] = "";

	fprintf(stderr, "Log off the users of %zu machines:", machines->count);
	for (size_t i = 0; i < machines->count; i++)
		fprintf(stderr, " %s", machines->list[i].name);
	fputs("? [y/N] ", stderr);
	return system_read_line(answer, sizeof(answer)) &&
	       (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

/* Returns why the selected machines cannot be used, and the result in @hr; NULL if they can. */
static const char *find_objection(const struct command *command, const struct machines *machines,
				  HRESULT *hr)
{
	*hr = VM_E_VM_UNKNOWN;
	if (!machines->count)
		return "There is no machine whose users can be logged off.";
	*hr = E_INVALIDARG;
	if (command->options.session && machines->count > 1)
		return "A session can only be selected in a single machine.";
	*hr = HRESULT_FROM_WIN32(ERROR_CANCELLED);
	return must_ask(command) && !ask(machines) ? "Nothing was done." : NULL;
}

static void summarize(const struct command *command, struct show *show)
{
	if (command->action == ACTION_CANCEL)
		show_summary(show, "cancelled", "without a logoff in progress");
	else if (command->options.flags & VM_LOGOFF_DRY_RUN)
		show_summary(show, "with users to log off", "with nobody to log off");
	else
		show_summary(show, command->wait ? "logged off" : "requested",
			     "with nobody to log off");
}

/* Logs off, or cancels. */
static int act(const struct command *command, struct show *show, struct machines *machines)
{
	const char *objection;
	HRESULT hr;

	if (must_ask(command) && command->by_request)
		return refuse(show, E_INVALIDARG, "\"all\" requires \"yes\": true.");
	if (must_ask(command) && !system_input_is_terminal())
		return refuse(show, E_INVALIDARG,
			      "--all requires --yes if standard input is not a terminal.");
	hr = command->all ? select_all(command, show, machines) : select_named(command, machines);
	if (FAILED(hr))
		return refuse_host(show, hr);
	objection = find_objection(command, machines, &hr);
	if (objection)
		return refuse(show, hr, objection);
	if (!run_all(command, machines, show))
		return refuse(show, E_OUTOFMEMORY, NO_MEMORY);
	if (machines->count > 1)
		summarize(command, show);
	return status_of_all(machines);
}

static int set_registration(struct show *show, bool registered)
{
	HRESULT hr = system_set_registration(registered);

	if (hr == E_ACCESSDENIED)
		return refuse(show, hr, "Only an administrator can do this; run it as one.");
	if (FAILED(hr))
		return refuse(show, hr, VMGuestOS_ErrorText(hr));
	show_registration(show, registered);
	return EXIT_SUCCESS;
}

static int run(const struct command *command, struct show *show)
{
	struct machines *machines = show->machines;

	switch (command->action) {
	case ACTION_LIST:
		return list(command, show, machines);
	case ACTION_WATCH:
		return watch_machine(command, show, machines);
	case ACTION_REGISTER:
	case ACTION_UNREGISTER:
		return set_registration(show, command->action == ACTION_REGISTER);
	default:
		return act(command, show, machines);
	}
}

int main(int argc, char **argv)
{
	_cleanup_(command_done) struct command command;
	_cleanup_(machines_done) struct machines machines = {.host = &command.host};
	struct show show;
	bool good;

	command_init(&command);
	command.format = system_output_is_terminal() ? SHOW_BAR : SHOW_LINES;
	good = options_parse(&command, argc, argv);
	if (command.by_request) {
		command.format = SHOW_JSON;
		/* A caller that dies must not end this before the logoff is cancelled. */
		system_ignore_closed_output();
	}
	if (good && command.by_request)
		good = request_read(&command);
	good = good && command_complete_account(&command);
	show_init(&show, command.format, &machines);
	return good ? run(&command, &show) : refuse_usage(&show, &command);
}
