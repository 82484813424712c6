/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver's char device: reads and writes whole records. */
#ifndef HVL_DEVICE_H
#define HVL_DEVICE_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define DEVICE_FILE "/dev/" HV_LOGOFF_DEVICE

struct device_handler {
	/* The handshake is complete, with @version: requests may follow. */
	void (*hello)(void *userdata, uint32_t version);
	/* A request for all users has empty strings in @target. */
	void (*request)(void *userdata, const struct hv_logoff_target *target);
	void (*cancel)(void *userdata, const struct hv_logoff_cancel *cancel);
	/* The last call: -ENODEV if the device has disappeared, or another error. */
	void (*gone)(void *userdata, int error);
};

struct device {
	int fd;
	sd_event_source *source;
	const struct device_handler *handler;
	void *userdata;
	uint32_t version; /* common to both; 0 before the driver's HELLO */
};

/* Returns a descriptor or -errno. */
int device_open(const char *file);
/* Takes ownership of @fd, and starts the handshake. Returns 0 or -errno. */
int device_start(struct device *device, int fd, sd_event *event,
		 const struct device_handler *handler, void *userdata);
void device_done(struct device *device);

/* Sets the record's type, and the size that the driver's version has. */
int device_report(const struct device *device, const struct hv_logoff_report *report);
/* -EOPNOTSUPP: the driver does not support SESSION records, or this outcome. */
int device_session(const struct device *device, const struct hv_logoff_session *session);

#endif /* HVL_DEVICE_H */
