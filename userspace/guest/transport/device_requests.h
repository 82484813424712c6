/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handles the requests of the driver's device, and reports the ends of sessions to it. A request is
 * carried out at most once: see known_requests.h.
 */
#ifndef HVL_DEVICE_REQUESTS_H
#define HVL_DEVICE_REQUESTS_H

#include <linux/hv_logoff.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "device.h"
#include "known_requests.h"
#include "userspace/guest/logoff/engine.h"

struct device_requests {
	struct device device;
	struct engine *engine;
	struct known_requests *known;
	uint64_t id;                  /* of the last request, which may have completed */
	bool redelivered;             /* an earlier daemon had it from the same driver */
	bool recorded;                /* that request is in the journal */
	struct hv_logoff_report last; /* the engine's last report on it */
	void (*gone)(void *userdata, int error);
	void *userdata;
};

/* @known must remain valid. @gone: see struct device_handler. */
void device_requests_init(struct device_requests *requests, struct engine *engine,
			  struct known_requests *known, void (*gone)(void *userdata, int error),
			  void *userdata);
/* Takes ownership of @fd, which may be a new device after the last one is gone. 0 or -errno. */
int device_requests_start(struct device_requests *requests, int fd, sd_event *event);
/* Closes the device. A request in progress must have been dropped. */
void device_requests_done(struct device_requests *requests);

/* The id of the request in progress, or 0 if there is none from the device. */
uint64_t device_requests_current(const struct device_requests *requests);
/* A session has ended, because of the request @id unless that is 0. */
void device_requests_session_ended(const struct device_requests *requests, uint64_t id,
				   const struct session *session, enum hv_logoff_kind kind);

#endif /* HVL_DEVICE_REQUESTS_H */
