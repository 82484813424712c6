// SPDX-License-Identifier: GPL-2.0-or-later
/* hvhost: a Hyper-V host for one guest. */
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "tests/hvhost/cli/cli.h"
#include "util.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{"start", cli_start,
	 "NAME [--kernel FILE] [--initrd FILE] [--append TEXT] [--memory MIB] [--cpus N] "
	 "[--vmbus VERSION] [--message-version VERSION] [--persistent MIB] [--no-offer "
	 "COMPONENT[,COMPONENT...]] "
	 "[--allow-user USER]... [--allow-group GROUP]..."},
	{"run", cli_run, "NAME (like start, but in the foreground and on this machine's KVM)"},
	{"list", cli_list, ""},
	{"status", cli_status, "NAME"},
	{"console", cli_console, "NAME [--follow]"},
	{"exec", cli_exec, "NAME [--timeout S] -- SHELL COMMAND..."},
	{"logoff", cli_logoff,
	 "NAME [--timeout S] [--grace S] [--message TEXT] [--force] [--user USER] "
	 "[--session SESSION] [--dry-run] [--include-lingering] [--no-logins] [--id HEX] "
	 "[--no-wait]"},
	{"watch", cli_watch, "NAME"},
	{"cancel", cli_cancel, "NAME [ID]"},
	{"query", cli_query, "NAME ID"},
	{"shutdown", cli_shutdown, "NAME [--reboot]"},
	{"heartbeat", cli_heartbeat, "NAME"},
	{"timesync", cli_timesync, "NAME [--offset S]"},
	{"kvp", cli_kvp,
	 "NAME add KEY VALUE | modify KEY VALUE | remove KEY | host-items | guest-items | "
	 "intrinsic-items"},
	{"rescind", cli_component, "NAME COMPONENT"},
	{"offer", cli_component, "NAME COMPONENT"},
	{"negotiate", cli_component, "NAME COMPONENT"},
	{"stall", cli_component, "NAME COMPONENT"},
	{"resume", cli_component, "NAME COMPONENT"},
	{"refuse", cli_component, "NAME COMPONENT"},
	{"accept", cli_component, "NAME COMPONENT"},
	{"storm", cli_storm, "NAME [--seed N] [--packets N]"},
	{"inject", cli_inject, "NAME COMPONENT [--length BYTES] [--size BYTES] [HEX]"},
	{"vsock", cli_vsock, "NAME PORT"},
	{"reset", cli_reset, "NAME"},
	{"stop", cli_stop, "NAME"},
};

int cli_usage(const char *command)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(command, commands[i].name) == 0)
			fprintf(stderr, "Usage: hvhost %s %s\n", command, commands[i].usage);
	}
	return EXIT_USAGE;
}

static int usage(FILE *to)
{
	fprintf(to, "Usage:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  hvhost %s %s\n", commands[i].name, commands[i].usage);
	fprintf(to, "COMPONENT is shutdown, heartbeat, timesync, kvp or logoff.\n");
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (getpid() == 1)
		outer_init();
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "hvhost: unknown command \"%s\".\n", argv[1]);
	return usage(stderr);
}
