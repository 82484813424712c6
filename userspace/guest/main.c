// SPDX-License-Identifier: GPL-2.0-or-later
/* hv-logoffd: see hv-logoffd(8). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "config.h"
#include "daemon.h"
#include "log.h"
#include "userspace/guest/system/vmbus.h"
#include "userspace/guest/transport/device.h"
#include "userspace/guest/transport/kvp.h"
#include "userspace/guest/transport/vsock_listener.h"
#include "userspace/shared/release.h"
#include "userspace/shared/util.h"
#include "watchdog.h"

#define EVENT_TIMEOUT (5 * USEC_PER_SEC)

struct options {
	const char *config_file;
	const char *device_file;
	bool check;
	bool clean_up;
	bool withdraw;
};

static const char help[] = "Usage: hv-logoffd [OPTION]…\n"
			   "Log off the users of this Hyper-V guest when its host requests it.\n"
			   "\n"
			   "  -c, --config=FILE  read FILE instead of " CONFIG_FILE "\n"
			   "  -d, --device=FILE  open FILE instead of " DEVICE_FILE "\n"
			   "      --check        explain errors in the configuration and exit\n"
			   "      --clean-up     remove what a killed daemon has left and exit\n"
			   "      --withdraw     remove the answer by KVP for good and exit\n"
			   "  -h, --help         show this help and exit\n"
			   "  -V, --version      show the version and exit\n";

/* Returns the exit status, or -1 to continue. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"device", required_argument, NULL, 'd'},
		{"check", no_argument, NULL, 'C'},        {"clean-up", no_argument, NULL, 'U'},
		{"withdraw", no_argument, NULL, 'W'},     {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},      {0},
	};
	int option;

	*options = (struct options){.config_file = CONFIG_FILE, .device_file = DEVICE_FILE};
	while ((option = getopt_long(argc, argv, "c:d:hV", longs, NULL)) >= 0) {
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
		case 'U':
			options->clean_up = true;
			break;
		case 'W':
			options->withdraw = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EX_OK;
		case 'V':
			puts("hv-logoffd " RELEASE);
			return EX_OK;
		default:
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	log_message(LOG_ERR, "Unexpected argument \"%s\"; see hv-logoffd --help.", argv[optind]);
	return EX_USAGE;
}

static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO;
}

/* udev loads the driver, now or later, and starts the daemon when the device appears. */
static void explain_absence(const char *file)
{
	if (!vmbus_exists(""))
		log_message(LOG_ERR, "This machine has no VMBus: it is not a Hyper-V guest, or its "
				     "kernel does not have the module hv_vmbus.");
	else if (!vmbus_offers("", VMBUS_LOGOFF))
		log_message(LOG_ERR, "The host offers neither the logoff component nor KVP to this "
				     "machine, and hv-logoffd.socket does not listen.");
	else
		log_message(LOG_ERR,
			    "%s does not exist: the driver is not loaded; run \"hv-logoffctl "
			    "doctor\" to see why.",
			    file);
}

/* @others: whether requests can arrive without it. */
static int open_device(const char *file, bool others)
{
	int fd = device_open(file);

	if (is_absent(fd)) {
		if (!others)
			explain_absence(file);
		return -ENODEV;
	}
	if (fd == -EBUSY)
		log_message(LOG_ERR, "Another daemon has %s open; stop it first.", file);
	else if (fd == -EACCES || fd == -EPERM)
		log_message(LOG_ERR, "No permission to open %s; run hv-logoffd as root.", file);
	else if (fd < 0)
		log_message(LOG_ERR, "Cannot open %s: %s.", file, strerror(-fd));
	return fd;
}

/*
 * The exit status determines whether systemd restarts the daemon at once. If the device has
 * disappeared, it does not, and udev starts the daemon when the device reappears.
 */
static int exit_status(const struct daemon *daemon, const char *file)
{
	switch (daemon->error) {
	case 0:
		return EX_OK;
	case -ENODEV:
		/* The device may have reappeared before PID 1 processed STOPPING=1. */
		sd_notify_barrier(0, EVENT_TIMEOUT);
		return access(file, F_OK) ? EX_OK : EX_TEMPFAIL;
	case -EPROTONOSUPPORT:
		log_message(LOG_ERR, "The driver supports no version that this daemon supports; "
				     "install both from the same release of hv-logoff.");
		return EX_PROTOCOL;
	default:
		log_message(LOG_ERR, "Reading from the driver failed: %s.",
			    strerror(-daemon->error));
		return EX_IOERR;
	}
}

/* Whether KVP is the only transport and is disabled by the configuration: not a failure. */
static bool is_disabled(const char *file, const struct config *config)
{
	if (config->kvp || !kvp_transport_available() || access(file, F_OK) == 0 ||
	    vmbus_offers("", VMBUS_LOGOFF))
		return false;
	sd_notify(0, "READY=1");
	log_message(LOG_INFO, "Requests can only arrive by KVP, which is disabled (Enabled=no in "
			      "section [Kvp] of hv-logoffd.conf).");
	return true;
}

/* Returns the exit status if there is no transport, or -1 to continue. */
static int open_transports(struct daemon *daemon, const struct options *options,
			   const struct config *config)
{
	const char *file = options->device_file;
	int socket = vsock_listener_take();
	bool others = socket >= 0 || (config->kvp && kvp_transport_available());
	int fd;

	if (!config->kvp)
		kvp_transport_remove_answer();
	if (socket < 0 && is_disabled(file, config))
		return EX_OK;
	fd = open_device(file, others);
	if (fd < 0 && !(others && is_absent(fd)))
		return EX_UNAVAILABLE;
	if (socket >= 0)
		daemon->error = daemon_start_vsock(daemon, socket);
	if (daemon->error < 0)
		return EX_OSERR;
	if (config->kvp && daemon_start_kvp(daemon) < 0 && fd < 0 && socket < 0)
		return EX_UNAVAILABLE;
	daemon->error =
		fd >= 0 ? daemon_start_device(daemon, file, fd) : daemon_await_device(daemon, file);
	return -1;
}

static int serve(sd_event *event, const struct options *options, struct config *config)
{
	struct daemon daemon;
	int status = -1;

	daemon.error = daemon_start(&daemon, event, config);
	if (daemon.error >= 0)
		status = open_transports(&daemon, options, config);
	/* No other daemon has the transports, so what is left belongs to none. */
	if (status < 0 && daemon.error >= 0)
		daemon_clean_up();
	if (status < 0 && daemon.error >= 0 && sd_event_loop(event) < 0)
		daemon.error = -EIO;
	sd_notify(0, "STOPPING=1");
	if (status < 0)
		status = exit_status(&daemon, options->device_file);
	daemon_done(&daemon);
	return status;
}

/* Signals are handled as events, so that no operation is interrupted, and children are reaped. */
static int prepare_event(sd_event **event)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
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
	if (options.clean_up)
		return daemon_clean_up() < 0 ? EX_IOERR : EX_OK;
	if (options.withdraw) {
		kvp_transport_remove_answer();
		return EX_OK;
	}
	r = config_read(&config, options.config_file, stderr);
	if (r < 0)
		return EX_CONFIG;
	if (options.check) {
		config_done(&config);
		return EX_OK;
	}
	r = prepare_event(&event);
	if (r < 0)
		log_message(LOG_ERR, "Out of resources at startup: %s.", strerror(-r));
	status = r < 0 ? EX_OSERR : serve(event, &options, &config);
	config_done(&config);
	return status;
}
