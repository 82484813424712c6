/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes in a folder, which itself may come and go. */
#ifndef HVL_FOLDER_WATCH_H
#define HVL_FOLDER_WATCH_H

#include <stdint.h>
#include <systemd/sd-event.h>

/* A file of that name has changed; NULL: any may have. */
typedef void folder_handler(void *userdata, const char *name);

struct folder_watch {
	sd_event *event;
	sd_event_source *folder_source;
	sd_event_source *parent_source; /* while there is no folder */
	char *folder;
	uint32_t mask;
	folder_handler *handler;
	void *userdata;
};

/*
 * @mask of IN_CREATE and the like. What is in the folder already is no change. The folder above
 * must be there. 0 or -errno.
 */
int folder_watch_start(struct folder_watch *watch, sd_event *event, const char *folder,
		       uint32_t mask, folder_handler *handler, void *userdata);
void folder_watch_done(struct folder_watch *watch);

#endif /* HVL_FOLDER_WATCH_H */
