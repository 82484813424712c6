// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/shared/release.h"

static void help(void)
{
	puts("Usage: vmlogoff [OPTION]... VM...\n"
	     "       vmlogoff [OPTION]... --all\n"
	     "       vmlogoff --cancel[=ID] VM...\n"
	     "       vmlogoff --watch [--json] VM\n"
	     "       vmlogoff --list [--json]\n"
	     "       vmlogoff --request=-\n"
	     "Log off the users of virtual machines. VM is a name, a GUID, or a pattern with *, ?\n"
	     "or [...]; on Linux also vsock:CID.\n"
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
	     "  -v, --via=TRANSPORT    use only vmbus (the logoff component), vsock or kvp\n"
	     "  -n, --no-wait          exit as soon as the request has been sent to the guest\n"
	     "  -a, --all              all running machines whose guest answers\n"
	     "  -y, --yes              do not ask before a logoff of --all\n"
	     "  -p, --parallel=NUMBER  at most so many machines at a time (default: 32)\n"
	     "  -c, --cancel[=ID]      cancel the logoff in progress, or only the one with this "
	     "id\n"
	     "  -j, --json             write one JSON object per line\n"
	     "  -w, --watch            print all sessions that end in the guest, until Ctrl-C\n"
	     "  -l, --list             list all machines, and whether their users can be logged "
	     "off\n"
	     "      --host=NAME        the machines of this Hyper-V host, not of this computer\n"
	     "      --user-name=NAME   connect to it as DOMAIN\\user; the password is asked for\n"
	     "      --register         permit Hyper-V sockets to guests on this Windows host, "
	     "once; and\n"
	     "      --unregister       withdraw that\n"
	     "  -r, --request=-        read all this as a JSON object from standard input\n"
	     "  -h, --help             show this help\n"
	     "  -V, --version          show the version\n"
	     "\n"
	     "Ctrl-C cancels the logoff in the guests unless sessions are already being ended; a\n"
	     "second one exits at once. The exit status is the result: see vmlogoff(1).");
}

static const struct option options[] = {
	{"timeout", required_argument, NULL, 't'}, {"grace", required_argument, NULL, 'g'},
	{"message", required_argument, NULL, 'm'}, {"force", no_argument, NULL, 'f'},
	{"user", required_argument, NULL, 'u'},    {"session", required_argument, NULL, 's'},
	{"dry-run", no_argument, NULL, 'd'},       {"include-lingering", no_argument, NULL, 'i'},
	{"no-logins", no_argument, NULL, 'N'},     {"via", required_argument, NULL, 'v'},
	{"no-wait", no_argument, NULL, 'n'},       {"all", no_argument, NULL, 'a'},
	{"yes", no_argument, NULL, 'y'},           {"parallel", required_argument, NULL, 'p'},
	{"cancel", optional_argument, NULL, 'c'},  {"json", no_argument, NULL, 'j'},
	{"watch", no_argument, NULL, 'w'},         {"list", no_argument, NULL, 'l'},
	{"host", required_argument, NULL, 'H'},    {"user-name", required_argument, NULL, 'U'},
	{"request", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
	{"register", no_argument, NULL, 'R'},      {"unregister", no_argument, NULL, 'X'},
	{"version", no_argument, NULL, 'V'},       {0},
};

static bool set_request(struct command *command, const char *text)
{
	command->by_request = true;
	return strcmp(text, "-") == 0 ||
	       command_refuse(command, "--request must be - (standard input), not \"%s\"", text);
}

static bool set_option(struct command *command, int letter)
{
	switch (letter) {
	case 'r':
		return set_request(command, optarg);
	case 'j':
		command->format = SHOW_JSON;
		return true;
	case 'h':
		help();
		exit(EXIT_SUCCESS);
	case 'V':
		puts("vmlogoff " RELEASE);
		exit(EXIT_SUCCESS);
	default:
		return command_set(command, letter, optarg);
	}
}

static bool add_machines(struct command *command, int count, char **names)
{
	command->machines = calloc((size_t)count + 1, sizeof(char *));
	if (!command->machines)
		return command_refuse(command, "there is not enough memory");
	for (int i = 0; i < count; i++) {
		/* Such as an unset variable of a script. */
		if (!*names[i])
			return command_refuse(command, "the name of a machine is empty");
		command->machines[i] = names[i];
	}
	command->machine_count = (size_t)count;
	return true;
}

bool options_parse(struct command *command, int argc, char **argv)
{
	int letter, count = 0;

	while ((letter = getopt_long(argc, argv, "t:g:m:fu:s:diNv:nayp:c::jwlr:hV", options,
				     NULL)) != -1) {
		if (!set_option(command, letter))
			return false;
		count++;
	}
	if (command->by_request && (count > 1 || optind < argc))
		return command_refuse(command, "--request cannot be combined with other options or "
					       "with names of machines");
	if (command->by_request)
		return true;
	return add_machines(command, argc - optind, argv + optind) && command_check(command);
}
