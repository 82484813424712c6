// SPDX-License-Identifier: GPL-2.0-or-later
/* vmlogoff: logs the users of a virtual machine off, as a command. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "show.h"
#include "status.h"
#include "suggest.h"
#include "util.h"

static void task_done(IVMTask2 **task)
{
	if (*task)
		IVMTask2_Release(*task);
}

static void guest_done(IVMGuestOS2 **guest)
{
	if (*guest)
		IVMGuestOS2_Release(*guest);
}

static void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_task_  _cleanup_(task_done)
#define _cleanup_guest_ _cleanup_(guest_done)
#define _cleanup_close_ _cleanup_(closep)

struct command {
	enum show_how how;
	bool list;
	bool wait;
	const char *machine;
	VMLogoffOptions options;
};

static void help(void)
{
	puts("Usage: vmlogoff [OPTION]... VM\n"
	     "       vmlogoff --list [--json]\n"
	     "Log off the users of the virtual machine VM.\n"
	     "\n"
	     "  -t, --timeout=SECONDS  for all of it, 1 to 86400 (60)\n"
	     "  -g, --grace=SECONDS    of these, for the users to finish their work (0)\n"
	     "  -m, --message=TEXT     tell the users this\n"
	     "  -f, --force            kill the users' processes, don't ask them to end\n"
	     "  -n, --no-wait          return when the guest has the request\n"
	     "  -j, --json             write one JSON object a line\n"
	     "  -l, --list             list the machines, and whether this works on them\n"
	     "  -h, --help             show this help\n"
	     "\n"
	     "Ctrl-C cancels the logoff in the guest as long as nobody has been logged off;\n"
	     "a second one leaves at once. The exit status tells the result: see vmlogoff(1).");
}

static bool parse_seconds(const char *option, const char *text, uint32_t least, uint32_t *seconds)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && value >= least &&
	    value <= VM_LOGOFF_TIMEOUT_MAX) {
		*seconds = (uint32_t)value;
		return true;
	}
	fprintf(stderr, "vmlogoff: --%s is a number of seconds from %u to %d, not \"%s\".\n",
		option, least, VM_LOGOFF_TIMEOUT_MAX, text);
	return false;
}

static bool parse_option(struct command *command, int option)
{
	switch (option) {
	case 't':
		return parse_seconds("timeout", optarg, 1, &command->options.timeout);
	case 'g':
		return parse_seconds("grace", optarg, 0, &command->options.grace);
	case 'm':
		command->options.message = optarg;
		return true;
	case 'f':
		command->options.flags |= VM_LOGOFF_FORCE;
		return true;
	case 'n':
		command->wait = false;
		return true;
	case 'j':
		command->how = SHOW_JSON;
		return true;
	case 'l':
		command->list = true;
		return true;
	case 'h':
		help();
		exit(EXIT_SUCCESS);
	default:
		fputs("Try \"vmlogoff --help\".\n", stderr);
		return false;
	}
}

static bool parse(struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{"timeout", required_argument, NULL, 't'},
		{"grace", required_argument, NULL, 'g'},
		{"message", required_argument, NULL, 'm'},
		{"force", no_argument, NULL, 'f'},
		{"no-wait", no_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "t:g:m:fnjlh", options, NULL)) != -1) {
		if (!parse_option(command, option))
			return false;
	}
	if (argc - optind != (command->list ? 0 : 1)) {
		fputs("vmlogoff: one machine is named, or with --list none. "
		      "Try \"vmlogoff --help\".\n",
		      stderr);
		return false;
	}
	command->machine = argv[optind];
	if (command->options.grace < command->options.timeout)
		return true;
	fputs("vmlogoff: the grace is part of the timeout: give a longer --timeout.\n", stderr);
	return false;
}

static HRESULT find(const char *name, IVMGuestOS2 **guest)
{
	IVMGuestOS *found;
	HRESULT hr = VMGuestOS_Find(name, &found);

	if (FAILED(hr))
		return hr;
	hr = IVMGuestOS_QueryInterface(found, &IID_IVMGuestOS2, (void **)guest);
	IVMGuestOS_Release(found);
	return hr;
}

static int list(enum show_how how)
{
	_cleanup_free_ char **names = NULL;
	HRESULT hr = VMGuestOS_Names(&names);

	if (FAILED(hr)) {
		show_end(how, "machines", hr, VMGuestOS_ErrorText(hr), NULL);
		return status_of(hr);
	}
	for (char **name = names; *name; name++) {
		_cleanup_guest_ IVMGuestOS2 *guest = NULL;

		hr = find(*name, &guest);
		show_machine(how, *name, guest ? IVMGuestOS2_CanLogoff(guest) : hr);
	}
	return EXIT_SUCCESS;
}

/* The names that may have been meant; if there is none, all. */
static void suggest(const char *typed)
{
	_cleanup_free_ char **names = NULL;
	bool similar = false;

	if (FAILED(VMGuestOS_Names(&names)) || !*names) {
		fputs("No machine is known here.\n", stderr);
		return;
	}
	for (char **name = names; *name; name++)
		similar = similar || suggest_is_similar(typed, *name);
	fputs(similar ? "Did you mean" : "There is", stderr);
	for (char **name = names; *name; name++) {
		if (!similar || suggest_is_similar(typed, *name))
			fprintf(stderr, " %s", *name);
	}
	fputs(similar ? "?\n" : ".\n", stderr);
}

/* Ctrl-C, or a wish to end: of these only the first comes here. */
static void cancel(const struct command *command, IVMTask2 *task, int signals)
{
	struct signalfd_siginfo info;
	sigset_t both;
	HRESULT hr;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	show_break(command->how);
	fputs("vmlogoff: cancelling; once more, and this command ends, but not the logoff.\n",
	      stderr);
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	/* A shell's background job has SIGINT ignored from the start. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &both, NULL);
	hr = IVMTask2_Cancel(task);
	if (hr == E_FAIL)
		fputs("vmlogoff: it is too late to cancel: sessions are being ended.\n", stderr);
	else if (FAILED(hr))
		fprintf(stderr, "vmlogoff: it can't be cancelled: %s\n", VMGuestOS_ErrorText(hr));
}

static int catch_signals(void)
{
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, NULL);
	return signalfd(-1, &both, SFD_CLOEXEC);
}

static bool is_complete(IVMTask2 *task)
{
	bool complete;

	return IVMTask2_get_IsComplete(task, &complete) == S_OK && complete;
}

static HRESULT wait_for(const struct command *command, IVMTask2 *task, int signals)
{
	struct pollfd ready[2] = {{.events = POLLIN}, {.fd = signals, .events = POLLIN}};
	HRESULT hr;

	IVMTask2_get_Descriptor(task, &ready[0].fd);
	while (!is_complete(task)) {
		if (poll(ready, ELEMENTS(ready), -1) < 0 && errno != EINTR)
			return DISP_E_EXCEPTION;
		if (ready[1].revents)
			cancel(command, task, signals);
		if (ready[0].revents && !is_complete(task))
			show_progress(command->how, task);
	}
	IVMTask2_get_Error(task, &hr);
	return hr;
}

static HRESULT start(const struct command *command, IVMTask2 **task)
{
	_cleanup_guest_ IVMGuestOS2 *guest = NULL;
	IVMTask *started;
	HRESULT hr = find(command->machine, &guest);

	if (SUCCEEDED(hr))
		hr = IVMGuestOS2_LogoffWithOptions(guest, &command->options, &started);
	if (FAILED(hr))
		return hr;
	hr = IVMTask_QueryInterface(started, &IID_IVMTask2, (void **)task);
	IVMTask_Release(started);
	return hr;
}

static HRESULT run(const struct command *command)
{
	_cleanup_close_ int signals = catch_signals();
	_cleanup_task_ IVMTask2 *task = NULL;
	_cleanup_free_ char *text = NULL;
	HRESULT hr = start(command, &task);

	if (FAILED(hr)) {
		show_end(command->how, command->machine, hr, VMGuestOS_ErrorText(hr), NULL);
		if (hr == VM_E_VM_UNKNOWN)
			suggest(command->machine);
		return hr;
	}
	if (!command->wait) {
		show_started(command->how, command->machine, task);
		return S_OK;
	}
	hr = wait_for(command, task, signals);
	IVMTask2_get_ErrorDescription(task, &text);
	show_end(command->how, command->machine, hr, text ? text : VMGuestOS_ErrorText(hr), task);
	return hr;
}

int main(int argc, char **argv)
{
	struct command command = {
		.how = isatty(STDOUT_FILENO) ? SHOW_BAR : SHOW_LINES,
		.wait = true,
		.options = {.size = sizeof(command.options), .timeout = VM_LOGOFF_TIMEOUT_DEFAULT},
	};

	if (!parse(&command, argc, argv))
		return STATUS_USAGE;
	return command.list ? list(command.how) : status_of(run(&command));
}
