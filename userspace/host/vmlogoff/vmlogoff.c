// SPDX-License-Identifier: GPL-2.0-or-later
/* vmlogoff: a command that logs off the users of a virtual machine. */
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
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"
#include "watch.h"

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

#define _cleanup_show_  _cleanup_(show_done)
#define _cleanup_task_  _cleanup_(task_done)
#define _cleanup_guest_ _cleanup_(guest_done)

struct command {
	enum show_format format;
	bool list;
	bool watch;
	bool wait;
	bool has_logoff_options;
	const char *machine;
	VMLogoffOptions options;
};

static void help(void)
{
	puts("Usage: vmlogoff [OPTION]... VM\n"
	     "       vmlogoff --watch [--json] VM\n"
	     "       vmlogoff --list [--json]\n"
	     "Log off the users of the virtual machine VM.\n"
	     "\n"
	     "  -t, --timeout=SECONDS  time for the whole request, 1 to 86400 (default: 60)\n"
	     "  -g, --grace=SECONDS    the part of it before any session is ended (default: 0)\n"
	     "  -m, --message=TEXT     show this text to the users\n"
	     "  -f, --force            kill the users' processes without signaling them first\n"
	     "  -u, --user=NAME        only this user's sessions\n"
	     "  -s, --session=ID       only the session with this id in the guest\n"
	     "  -d, --dry-run          only list the sessions that would be ended\n"
	     "  -i, --include-lingering\n"
	     "                         also end the programs of users who linger\n"
	     "  -N, --no-logins        refuse logons, except of root, until the logoff ends\n"
	     "  -v, --via=TRANSPORT    use only vmbus (the logoff component) or kvp\n"
	     "  -n, --no-wait          exit as soon as the request has been sent to the guest\n"
	     "  -j, --json             write one JSON object per line\n"
	     "  -w, --watch            print all sessions that end in the guest, until Ctrl-C\n"
	     "  -l, --list             list all machines, and whether their users can be logged "
	     "off\n"
	     "  -h, --help             show this help\n"
	     "\n"
	     "Ctrl-C cancels the logoff in the guest unless sessions are already being ended; a\n"
	     "second one exits at once. The exit status is the result: see vmlogoff(1).");
}

static bool parse_seconds(const char *option, const char *text, uint32_t least, uint32_t *seconds)
{
	if (text_to_number(seconds, text, least, VM_LOGOFF_TIMEOUT_MAX))
		return true;
	fprintf(stderr, "vmlogoff: --%s must be a number of seconds from %u to %d, not \"%s\".\n",
		option, least, VM_LOGOFF_TIMEOUT_MAX, text);
	return false;
}

/* An empty name, such as an unset variable of a script, must not select all users. */
static bool parse_name(const char *option, const char *text, const char **name)
{
	*name = text;
	if (*text)
		return true;
	fprintf(stderr, "vmlogoff: --%s is empty; omit it to log off all users.\n", option);
	return false;
}

static bool parse_transport(const char *text, uint32_t *flags)
{
	const uint32_t transports = VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP;
	uint32_t transport = 0;

	if (strcmp(text, "vmbus") == 0)
		transport = VM_LOGOFF_VIA_VMBUS;
	else if (strcmp(text, "kvp") == 0)
		transport = VM_LOGOFF_VIA_KVP;
	else
		fprintf(stderr, "vmlogoff: --via must be vmbus or kvp, not \"%s\".\n", text);
	*flags = (*flags & ~transports) | transport;
	return transport;
}

static bool parse_option(struct command *command, int option)
{
	command->has_logoff_options = command->has_logoff_options || !strchr("jlwh", option);
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
	case 'u':
		return parse_name("user", optarg, &command->options.user);
	case 's':
		return parse_name("session", optarg, &command->options.session);
	case 'd':
		command->options.flags |= VM_LOGOFF_DRY_RUN;
		return true;
	case 'i':
		command->options.flags |= VM_LOGOFF_INCLUDE_LINGERING;
		return true;
	case 'N':
		command->options.flags |= VM_LOGOFF_NO_LOGINS;
		return true;
	case 'v':
		return parse_transport(optarg, &command->options.flags);
	case 'n':
		command->wait = false;
		return true;
	case 'j':
		command->format = SHOW_JSON;
		return true;
	case 'w':
		command->watch = true;
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

static bool is_consistent(const struct command *command, int machines)
{
	const char *wrong = NULL;

	if ((command->list || command->watch) &&
	    (command->has_logoff_options || command->list == command->watch))
		wrong = "--list and --watch cannot be combined with options other than --json";
	else if (machines != (command->list ? 0 : 1))
		wrong = command->list ? "--list does not take a machine"
				      : "exactly one machine is required";
	else if (command->options.grace >= command->options.timeout)
		wrong = "--grace must be less than --timeout";
	else if ((command->options.flags & VM_LOGOFF_DRY_RUN) && !command->wait)
		wrong = "--dry-run cannot be combined with --no-wait";
	if (wrong)
		fprintf(stderr, "vmlogoff: %s. Try \"vmlogoff --help\".\n", wrong);
	return !wrong;
}

static bool parse(struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{"timeout", required_argument, NULL, 't'},
		{"grace", required_argument, NULL, 'g'},
		{"message", required_argument, NULL, 'm'},
		{"force", no_argument, NULL, 'f'},
		{"user", required_argument, NULL, 'u'},
		{"session", required_argument, NULL, 's'},
		{"dry-run", no_argument, NULL, 'd'},
		{"include-lingering", no_argument, NULL, 'i'},
		{"no-logins", no_argument, NULL, 'N'},
		{"via", required_argument, NULL, 'v'},
		{"no-wait", no_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"watch", no_argument, NULL, 'w'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "t:g:m:fu:s:diNv:njwlh", options, NULL)) != -1) {
		if (!parse_option(command, option))
			return false;
	}
	command->machine = argv[optind];
	return is_consistent(command, argc - optind);
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

static void show_guest(struct show *show, IVMGuestOS2 *guest)
{
	IVMGuestOS2_get_Guid(guest, &show->guid);
	if (IVMGuestOS2_get_Name(guest, &show->name) == S_OK)
		show->machine = show->name;
}

static int list(enum show_format format)
{
	const struct show failure = {.format = format, .machine = "machines"};
	_cleanup_free_ char **names = NULL;
	HRESULT hr = VMGuestOS_Names(&names);

	if (FAILED(hr)) {
		show_end(&failure, hr, VMGuestOS_ErrorText(hr), NULL);
		return status_of(hr);
	}
	for (char **name = names; *name; name++) {
		_cleanup_show_ struct show show = {.format = format, .machine = *name};
		_cleanup_guest_ IVMGuestOS2 *guest = NULL;

		hr = find(*name, &guest);
		if (guest)
			show_guest(&show, guest);
		show_machine(&show, guest ? IVMGuestOS2_CanLogoff(guest) : hr);
	}
	return EXIT_SUCCESS;
}

/* Lists the machines with similar names, or all machines if there are none. */
static void suggest(const char *typed)
{
	_cleanup_free_ char **names = NULL;
	bool similar = false;

	if (FAILED(VMGuestOS_Names(&names)) || !*names) {
		fputs("There are no machines.\n", stderr);
		return;
	}
	for (char **name = names; *name; name++)
		similar = similar || suggest_is_similar(typed, *name);
	fputs(similar ? "Did you mean:" : "Available machines:", stderr);
	for (char **name = names; *name; name++) {
		if (!similar || suggest_is_similar(typed, *name))
			fprintf(stderr, " %s", *name);
	}
	fputs(similar ? "?\n" : "\n", stderr);
}

/* Called for the first SIGINT or SIGTERM. The second one terminates the process. */
static void cancel(const struct show *show, IVMTask2 *task, int signals)
{
	struct signalfd_siginfo info;
	sigset_t both;
	HRESULT hr;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	show_clear(show);
	fputs("vmlogoff: cancelling; a second signal ends this command but not the logoff.\n",
	      stderr);
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	/* Shells start background jobs with SIGINT ignored. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &both, NULL);
	hr = IVMTask2_Cancel(task);
	if (hr == E_FAIL)
		fputs("vmlogoff: too late to cancel: sessions are being ended.\n", stderr);
	else if (FAILED(hr))
		fprintf(stderr, "vmlogoff: cannot cancel: %s\n", VMGuestOS_ErrorText(hr));
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

static HRESULT wait_for(struct show *show, IVMTask2 *task, int signals)
{
	struct pollfd ready[2] = {{.events = POLLIN}, {.fd = signals, .events = POLLIN}};
	HRESULT hr;

	IVMTask2_get_Descriptor(task, &ready[0].fd);
	while (!is_complete(task)) {
		if (poll(ready, ARRAY_SIZE(ready), -1) < 0 && errno != EINTR)
			return DISP_E_EXCEPTION;
		if (ready[1].revents)
			cancel(show, task, signals);
		if (ready[0].revents && !is_complete(task))
			show_progress(show, task);
	}
	IVMTask2_get_Error(task, &hr);
	return hr;
}

static HRESULT start(const VMLogoffOptions *options, IVMGuestOS2 *guest, IVMTask2 **task)
{
	IVMTask *started;
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, &started);

	if (FAILED(hr))
		return hr;
	hr = IVMTask_QueryInterface(started, &IID_IVMTask2, (void **)task);
	IVMTask_Release(started);
	return hr;
}

static void fail(const struct show *show, HRESULT hr)
{
	const char *text = VMGuestOS_LastErrorText();

	show_end(show, hr, *text ? text : VMGuestOS_ErrorText(hr), NULL);
}

static HRESULT logoff(const struct command *command, struct show *show, IVMGuestOS2 *guest,
		      int signals)
{
	_cleanup_task_ IVMTask2 *task = NULL;
	_cleanup_free_ char *text = NULL;
	HRESULT hr = start(&command->options, guest, &task);

	if (FAILED(hr)) {
		fail(show, hr);
		return hr;
	}
	if (!command->wait) {
		show_started(show, task);
		return S_OK;
	}
	hr = wait_for(show, task, signals);
	IVMTask2_get_ErrorDescription(task, &text);
	show_end(show, hr, text ? text : VMGuestOS_ErrorText(hr), task);
	return hr;
}

static HRESULT run(const struct command *command)
{
	_cleanup_show_ struct show show = {.format = command->format, .machine = command->machine};
	_cleanup_close_ int signals = catch_signals();
	_cleanup_guest_ IVMGuestOS2 *guest = NULL;
	HRESULT hr = find(command->machine, &guest);

	if (SUCCEEDED(hr))
		show_guest(&show, guest);
	if (SUCCEEDED(hr) && !command->watch)
		return logoff(command, &show, guest, signals);
	if (SUCCEEDED(hr))
		hr = watch(&show, guest, signals);
	if (FAILED(hr))
		fail(&show, hr);
	if (hr == VM_E_VM_UNKNOWN)
		suggest(command->machine);
	return hr;
}

int main(int argc, char **argv)
{
	struct command command = {
		.format = isatty(STDOUT_FILENO) ? SHOW_BAR : SHOW_LINES,
		.wait = true,
		.options = {.size = sizeof(command.options), .timeout = VM_LOGOFF_TIMEOUT_DEFAULT},
	};

	if (!parse(&command, argc, argv))
		return STATUS_USAGE;
	return command.list ? list(command.format) : status_of(run(&command));
}
