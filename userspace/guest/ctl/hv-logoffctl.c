// SPDX-License-Identifier: GPL-2.0-or-later
/* hv-logoffctl: see hv-logoffctl(8). */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "userspace/shared/release.h"
#include "userspace/shared/text.h"

#define LINES_DEFAULT 100
#define LINES_MAX     1000000

struct options {
	bool json;
	uint32_t lines;
	const char *command;
	const char *id; /* NULL if none is given */
};

static const char help[] =
	"Usage: hv-logoffctl [OPTION]… COMMAND\n"
	"Look at hv-logoffd and its requests in this Hyper-V guest, or cancel one.\n"
	"\n"
	"  status        show versions, transports and the request in progress\n"
	"  list          show who would be logged off, and who stays and why\n"
	"  history [ID]  show the requests in the journal, or the one with the host's ID\n"
	"  cancel [ID]   cancel the request in progress, if nobody is being logged off yet\n"
	"  doctor        find out whether a logoff works, and what to do if not\n"
	"\n"
	"  -j, --json       print JSON\n"
	"  -n, --lines=N    show the last N entries of the history (100)\n"
	"  -h, --help       show this help and exit\n"
	"  -V, --version    show the version and exit\n";

static int usage_error(const char *text, const char *argument)
{
	fprintf(stderr, "hv-logoffctl: %s \"%s\"; see hv-logoffctl --help.\n", text, argument);
	return EX_USAGE;
}

static int run_cancel(const struct options *options)
{
	uint64_t id = 0;
	char *end = NULL;

	if (options->id) {
		errno = 0;
		id = strtoull(options->id, &end, 10);
		if (errno || *end || !id || options->id[0] < '0' || options->id[0] > '9')
			return usage_error("Not the number of a request that \"status\" shows:",
					   options->id);
	}
	return command_cancel(id);
}

static int run_history(const struct options *options)
{
	return command_history(options->json, options->lines, options->id);
}

static int run_status(const struct options *options)
{
	return command_status(options->json);
}

static int run_list(const struct options *options)
{
	return command_list(options->json);
}

static int run_doctor(const struct options *options)
{
	return command_doctor(options->json);
}

static const struct command {
	const char *name;
	bool takes_id;
	int (*run)(const struct options *options);
} commands[] = {
	{"status", false, run_status},  {"list", false, run_list},
	{"history", true, run_history}, {"cancel", true, run_cancel},
	{"doctor", false, run_doctor},
};

/* Returns the exit status, or -1 to continue. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, 'j'},
		{"lines", required_argument, NULL, 'n'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "jn:hV", longs, NULL)) >= 0) {
		switch (option) {
		case 'j':
			options->json = true;
			break;
		case 'n':
			if (!text_to_number(&options->lines, optarg, 1, LINES_MAX))
				return usage_error("Not a number of entries:", optarg);
			break;
		case 'V':
			puts("hv-logoffctl " RELEASE);
			return EX_OK;
		case 'h':
			fputs(help, stdout);
			return EX_OK;
		default:
			return EX_USAGE;
		}
	}
	if (optind == argc) {
		fputs(help, stderr);
		return EX_USAGE;
	}
	options->command = argv[optind++];
	if (optind < argc)
		options->id = argv[optind++];
	return optind < argc ? usage_error("Unexpected argument", argv[optind]) : -1;
}

int main(int argc, char **argv)
{
	struct options options = {.lines = LINES_DEFAULT};
	int status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, options.command) != 0)
			continue;
		if (options.id && !commands[i].takes_id)
			return usage_error("Unexpected argument", options.id);
		return commands[i].run(&options);
	}
	return usage_error("Unknown command", options.command);
}
