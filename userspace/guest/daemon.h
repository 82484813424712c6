/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connects the engine and the session watch with the system and the transports. */
#ifndef HVL_DAEMON_H
#define HVL_DAEMON_H

#include <systemd/sd-event.h>

#include "bus.h"
#include "config.h"
#include "resolver.h"
#include "userspace/guest/logoff/engine.h"
#include "userspace/guest/logoff/watch.h"
#include "userspace/guest/system/directory_watch.h"
#include "userspace/guest/system/logind.h"
#include "userspace/guest/system/opening.h"
#include "userspace/guest/system/outside.h"
#include "userspace/guest/system/terminal.h"
#include "userspace/guest/transport/device_requests.h"
#include "userspace/guest/transport/known_requests.h"
#include "userspace/guest/transport/kvp.h"
#include "userspace/guest/transport/vsock_listener.h"

struct daemon {
	sd_event *event;
	sd_event_source *timer;
	sd_event_source *list_timer;
	struct known_requests known;
	struct device_requests device;
	const char *device_file;
	struct directory_watch device_watch; /* while there is no device */
	struct logind logind;
	struct bus bus;
	struct opening opening;
	int hierarchy; /* scope_open() while a list is read, or negative */
	struct resolver resolver;
	struct outside outside;
	struct engine engine;
	struct terminals told;
	struct watch watch;
	struct vsock_listener vsock;
	struct kvp_transport kvp;
	bool kvp_started;
	int error; /* why the device was closed */
};

/*
 * The uids of exempt users in @config are updated. Requests arrive once a transport is started;
 * all can be used. Returns 0 or -errno.
 */
int daemon_start(struct daemon *daemon, sd_event *event, struct config *config);
/* Takes ownership of @fd, which listens. Before KVP, whose answers have the port. 0 or -errno. */
int daemon_start_vsock(struct daemon *daemon, int fd);
/* Returns 0, or -errno after logging the reason. */
int daemon_start_kvp(struct daemon *daemon);
/* Takes ownership of @fd, the device @file. Returns 0 or -errno. */
int daemon_start_device(struct daemon *daemon, const char *file, int fd);
/* Starts the device when it appears. Returns 0 or -errno. */
int daemon_await_device(struct daemon *daemon, const char *file);
void daemon_done(struct daemon *daemon);

/* Removes the file nologin of a daemon that was killed. Returns 0, or -errno after logging. */
int daemon_clean_up(void);

#endif /* HVL_DAEMON_H */
