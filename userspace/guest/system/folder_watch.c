// SPDX-License-Identifier: GPL-2.0-or-later
#include "folder_watch.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/inotify.h>

#include "userspace/shared/util.h"

#define GONE (IN_DELETE_SELF | IN_MOVE_SELF)

static int on_parent(sd_event_source *source, const struct inotify_event *change, void *userdata);
static int on_folder(sd_event_source *source, const struct inotify_event *change, void *userdata);

static int watch_parent(struct folder_watch *watch)
{
	_cleanup_free_ char *copy = strdup(watch->folder);

	if (!copy)
		return -ENOMEM;
	return sd_event_add_inotify(watch->event, &watch->parent_source, dirname(copy),
				    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, on_parent, watch);
}

static int watch_folder(struct folder_watch *watch)
{
	return sd_event_add_inotify(watch->event, &watch->folder_source, watch->folder,
				    watch->mask | GONE | IN_ONLYDIR, on_folder, watch);
}

static int arm(struct folder_watch *watch)
{
	int r = watch_folder(watch);

	if (r != -ENOENT)
		return r;
	r = watch_parent(watch);
	if (r < 0)
		return r;
	/* It may have been made just before. */
	r = watch_folder(watch);
	if (r == -ENOENT)
		return 0;
	watch->parent_source = sd_event_source_disable_unref(watch->parent_source);
	return r;
}

static int on_parent(sd_event_source *source, const struct inotify_event *change, void *userdata)
{
	struct folder_watch *watch = userdata;
	int r;

	(void)source;
	(void)change;
	r = watch_folder(watch);
	if (r == -ENOENT)
		return 0;
	watch->parent_source = sd_event_source_disable_unref(watch->parent_source);
	if (r >= 0)
		watch->handler(watch->userdata, NULL);
	return r;
}

static int on_folder(sd_event_source *source, const struct inotify_event *change, void *userdata)
{
	struct folder_watch *watch = userdata;
	int r;

	(void)source;
	if (!(change->mask & (GONE | IN_IGNORED))) {
		watch->handler(watch->userdata, change->len > 0 ? change->name : NULL);
		return 0;
	}
	watch->folder_source = sd_event_source_disable_unref(watch->folder_source);
	r = arm(watch);
	if (r >= 0)
		watch->handler(watch->userdata, NULL);
	return r;
}

int folder_watch_start(struct folder_watch *watch, sd_event *event, const char *folder,
		       uint32_t mask, folder_handler *handler, void *userdata)
{
	int r;

	*watch = (struct folder_watch){
		.event = sd_event_ref(event),
		.folder = strdup(folder),
		.mask = mask,
		.handler = handler,
		.userdata = userdata,
	};
	r = watch->folder ? arm(watch) : -ENOMEM;
	if (r < 0)
		folder_watch_done(watch);
	return r < 0 ? r : 0;
}

void folder_watch_done(struct folder_watch *watch)
{
	sd_event_source_disable_unref(watch->folder_source);
	sd_event_source_disable_unref(watch->parent_source);
	sd_event_unref(watch->event);
	free(watch->folder);
	*watch = (struct folder_watch){0};
}
