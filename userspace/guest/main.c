// SPDX-License-Identifier: GPL-2.0-or-later
/* hv-logoffd: see hv-logoffd(8). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "config.h"
#include "daemon.h"
#include "log.h"
#include "userspace/guest/system/module.h"
#include "userspace/guest/transport/device.h"
#include "userspace/guest/transport/kvp.h"
#include "userspace/shared/util.h"
#include "watchdog.h"

#define EVENT_TIMEOUT (5 * USEC_PER_SEC)

struct options {
	const char *config_file;
	const char *device_file;
	bool check;
};

static const char help[] = "Usage: hv-logoffd [OPTION]…\n"
			   "Log off this machine's users when its Hyper-V host asks for it.\n"
			   "\n"
			   "  -c, --config=FILE  read FILE instead of " CONFIG_FILE "\n"
			   "  -d, --device=FILE  open FILE instead of " DEVICE_FILE "\n"
			   "      --check        explain mistakes in the configuration, and end\n"
			   "  -h, --help         show this help, and end\n";

/* -1 to go on, else the status to exit with. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"device", required_argument, NULL, 'd'},
		{"check", no_argument, NULL, 'C'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	*options = (struct options){.config_file = CONFIG_FILE, .device_file = DEVICE_FILE};
	while ((option = getopt_long(argc, argv, "c:d:h", longs, NULL)) >= 0) {
		switch (option) {
		case 'c':
			options->config_file = optarg;
			break;
		case 'd':
			options->device_file = optarg;
			break;
		case 'C':
			options->check = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EX_OK;
		default:
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	log_message(LOG_ERR, "There is nothing to do with \"%s\"; see hv-logoffd --help.",
		    argv[optind]);
	return EX_USAGE;
}

/* A driver that was just loaded makes its device a little later. */
static int wait_for_device(const char *file)
{
	static const struct timespec pause = {.tv_nsec = 100000000};
	int fd = -ENOENT;

	for (int i = 0; i < 20 && fd == -ENOENT; i++) {
		nanosleep(&pause, NULL);
		fd = device_open(file);
	}
	if (fd == -ENOENT)
		log_message(LOG_ERR,
			    "The driver is loaded, but %s does not appear; the kernel's "
			    "log (dmesg) says more.",
			    file);
	return fd;
}

static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO;
}

/* Where requests may come by KVP the driver is udev's to load, now or later. */
static int open_device(const char *file, bool kvp)
{
	int fd = device_open(file);
	int r;

	if (is_absent(fd)) {
		if (kvp)
			return -ENODEV;
		r = module_load();
		return r < 0 ? r : wait_for_device(file);
	}
	if (fd == -EBUSY)
		log_message(LOG_ERR, "Another daemon has %s open; stop it first.", file);
	else if (fd == -EACCES || fd == -EPERM)
		log_message(LOG_ERR, "%s may not be opened; run hv-logoffd as root.", file);
	else if (fd < 0)
		log_message(LOG_ERR, "%s cannot be opened: %s.", file, strerror(-fd));
	return fd;
}

/*
 * The status tells systemd whether to start the daemon again at once, which it
 * does unless the device is gone: then udev does, when it comes back.
 */
static int exit_status(const struct daemon *daemon, const char *file)
{
	switch (daemon->error) {
	case 0:
		return EX_OK;
	case -ENODEV:
		/* The next offer may have come before PID 1 heard that we are stopping. */
		sd_notify_barrier(0, EVENT_TIMEOUT);
		return access(file, F_OK) ? EX_OK : EX_TEMPFAIL;
	case -EPROTONOSUPPORT:
		log_message(LOG_ERR, "The driver speaks no version that this daemon knows; "
				     "install both from the same release of hv-logoff.");
		return EX_PROTOCOL;
	default:
		log_message(LOG_ERR, "Nothing can be read from the driver: %s.",
			    strerror(-daemon->error));
		return EX_IOERR;
	}
}

/* On a stock host, with the one way in that there is shut: that is no failure. */
static bool is_shut(const char *file, const struct config *config)
{
	if (config->kvp || !kvp_transport_available() || access(file, F_OK) == 0 ||
	    module_is_wanted())
		return false;
	sd_notify(0, "READY=1");
	log_message(LOG_INFO, "Requests can come by KVP alone, and these are switched off "
			      "(Enabled=no in the section [Kvp] of hv-logoffd.conf).");
	return true;
}

/* -1 to go on, else the status to exit with: there is no way in. */
static int open_ways(struct daemon *daemon, const struct options *options,
		     const struct config *config)
{
	const char *file = options->device_file;
	bool kvp = config->kvp && kvp_transport_available();
	int fd;

	if (!config->kvp)
		kvp_transport_close();
	if (is_shut(file, config))
		return EX_OK;
	fd = open_device(file, kvp);
	if (fd < 0 && !(kvp && is_absent(fd)))
		return EX_UNAVAILABLE;
	if (config->kvp && daemon_start_kvp(daemon) < 0 && fd < 0)
		return EX_UNAVAILABLE;
	daemon->error =
		fd >= 0 ? daemon_start_device(daemon, file, fd) : daemon_await_device(daemon, file);
	return -1;
}

static int serve(sd_event *event, const struct options *options, const struct config *config)
{
	struct daemon daemon;
	int status = -1;

	daemon.error = daemon_start(&daemon, event, config);
	if (daemon.error >= 0)
		status = open_ways(&daemon, options, config);
	if (status < 0 && daemon.error >= 0 && sd_event_loop(event) < 0)
		daemon.error = -EIO;
	sd_notify(0, "STOPPING=1");
	if (status < 0)
		status = exit_status(&daemon, options->device_file);
	daemon_done(&daemon);
	return status;
}

/* Where signals are events, so that nothing is left half done. */
static int prepare_event(sd_event **event)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	r = sd_event_default(event);
	if (r >= 0)
		r = sd_event_add_signal(*event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(*event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = watchdog_start(*event);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	struct options options;
	struct config config;
	int status;
	int r;

	status = parse_options(argc, argv, &options);
	if (status >= 0)
		return status;
	r = config_read(&config, options.config_file, stderr);
	if (r < 0)
		return EX_CONFIG;
	if (options.check) {
		config_done(&config);
		return EX_OK;
	}
	r = prepare_event(&event);
	if (r < 0)
		log_message(LOG_ERR, "Out of resources at the start: %s.", strerror(-r));
	status = r < 0 ? EX_OSERR : serve(event, &options, &config);
	config_done(&config);
	return status;
}
