/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes in a directory, which itself may be removed and created again. */
#ifndef HVL_DIRECTORY_WATCH_H
#define HVL_DIRECTORY_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* The file @name has changed; NULL: any file may have. */
typedef void directory_handler(void *userdata, const char *name);

struct directory_watch {
	sd_event *event;
	sd_event_source *source;        /* the directory */
	sd_event_source *parent_source; /* while there is no directory */
	sd_event_source *defer_source;  /* enabled while changes are pending */
	char *directory;
	uint32_t mask;
	directory_handler *handler;
	void *userdata;
	bool pending;
	bool rearm;              /* the directory was created or removed */
	char name[NAME_MAX + 1]; /* of the only file with a pending change, or empty */
};

/*
 * @mask consists of inotify events. Files that already exist are not reported. The parent
 * directory must exist. @handler may call directory_watch_done(). Returns 0 or -errno.
 */
int directory_watch_start(struct directory_watch *watch, sd_event *event, const char *directory,
			  uint32_t mask, directory_handler *handler, void *userdata);
void directory_watch_done(struct directory_watch *watch);

#endif /* HVL_DIRECTORY_WATCH_H */
