/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver's char device: whole records in, whole records out. */
#ifndef HVL_DEVICE_H
#define HVL_DEVICE_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define DEVICE_FILE "/dev/" HV_LOGOFF_DEVICE

struct device_handler {
	/* The driver speaks @version: requests may come from now on. */
	void (*hello)(void *userdata, uint32_t version);
	/* Everyone is a target that names nobody. */
	void (*request)(void *userdata, const struct hv_logoff_target *target);
	void (*cancel)(void *userdata, const struct hv_logoff_cancel *cancel);
	/* Nothing more comes: -ENODEV, the device is gone; else what was wrong. */
	void (*gone)(void *userdata, int error);
};

struct device {
	int fd;
	sd_event_source *source;
	const struct device_handler *handler;
	void *userdata;
	uint32_t version; /* that both speak; 0 before the driver's hello */
};

/* A descriptor, or -errno. */
int device_open(const char *file);
/* Takes over @fd, and says hello to the driver. 0 or -errno. */
int device_start(struct device *device, int fd, sd_event *event,
		 const struct device_handler *handler, void *userdata);
void device_done(struct device *device);

int device_report(const struct device *device, const struct hv_logoff_report *report);
/* -EOPNOTSUPP: the driver knows of no such record. */
int device_session(const struct device *device, const struct hv_logoff_session *session);

#endif /* HVL_DEVICE_H */
