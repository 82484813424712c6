// SPDX-License-Identifier: GPL-2.0-or-later
/* hv-logoff-notifier: see hv-logoff-notifier(1). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "notifier.h"
#include "userspace/guest/log.h"
#include "userspace/shared/release.h"
#include "userspace/shared/util.h"

/* On the session bus. */
#define NAME "org.hv_logoff1.Notifier"

static const char help[] = "Usage: hv-logoff-notifier [OPTION]…\n"
			   "Show the user of a desktop that the host of this Hyper-V guest logs "
			   "users off.\n"
			   "\n"
			   "  -h, --help     show this help and exit\n"
			   "  -V, --version  show the version and exit\n";

/* Returns the exit status, or -1 to continue. */
static int parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option = getopt_long(argc, argv, "hV", longs, NULL);

	if (option == 'h') {
		fputs(help, stdout);
		return EX_OK;
	}
	if (option == 'V') {
		puts("hv-logoff-notifier " RELEASE);
		return EX_OK;
	}
	if (option < 0 && optind == argc)
		return -1;
	if (option < 0)
		log_message(LOG_ERR, "Unexpected argument \"%s\"; see hv-logoff-notifier --help.",
			    argv[optind]);
	return EX_USAGE;
}

/* Both the session's autostart and the user's manager may start it. Returns 1, 0 or -errno. */
static int is_first(sd_bus *bus)
{
	int r = sd_bus_request_name(bus, NAME, 0);

	if (r == -EEXIST || r == -EALREADY)
		return 0;
	return r < 0 ? r : 1;
}

static int serve(sd_event *event, sd_bus *bus)
{
	struct notifier notifier;
	int r = notifier_start(&notifier, event, bus);

	if (r >= 0)
		r = sd_event_loop(event);
	notifier_done(&notifier);
	return r;
}

/* The end of the session bus is that of the session. */
static int run(void)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r = sd_event_default(&event);

	if (r >= 0)
		r = sd_bus_open_user(&bus);
	if (r < 0) {
		log_message(LOG_ERR,
			    "Cannot connect to the session bus: %s. Start this program in "
			    "a desktop session.",
			    strerror(-r));
		return EX_UNAVAILABLE;
	}
	r = is_first(bus);
	if (r == 0) {
		log_message(LOG_INFO, "Another instance runs in this session.");
		return EX_OK;
	}
	if (r >= 0)
		r = sd_bus_set_exit_on_disconnect(bus, true);
	if (r >= 0)
		r = sd_bus_attach_event(bus, event, 0);
	if (r >= 0)
		r = serve(event, bus);
	if (r < 0)
		log_message(LOG_ERR, "Cannot continue: %s.", strerror(-r));
	return r < 0 ? EX_OSERR : EX_OK;
}

int main(int argc, char **argv)
{
	int status = parse_options(argc, argv);

	return status >= 0 ? status : run();
}
