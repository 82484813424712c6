// SPDX-License-Identifier: GPL-2.0-or-later
#include "directory_watch.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "userspace/shared/util.h"

#define GONE (IN_DELETE_SELF | IN_MOVE_SELF)

/*
 * systemd before v250 uses an inotify source after its handler has returned, even if the handler
 * has freed it. The inotify handlers only record the change, and on_deferred() does the rest.
 */
static void defer(struct directory_watch *watch, const char *name)
{
	if (!watch->pending)
		snprintf(watch->name, sizeof(watch->name), "%s", name);
	else if (strcmp(watch->name, name) != 0)
		watch->name[0] = '\0';
	watch->pending = true;
	sd_event_source_set_enabled(watch->defer_source, SD_EVENT_ONESHOT);
}

static int on_parent(sd_event_source *source, const struct inotify_event *change, void *userdata)
{
	struct directory_watch *watch = userdata;

	(void)source;
	(void)change;
	watch->rearm = true;
	defer(watch, "");
	return 0;
}

static int on_directory(sd_event_source *source, const struct inotify_event *change, void *userdata)
{
	struct directory_watch *watch = userdata;

	(void)source;
	if (change->mask & (GONE | IN_IGNORED))
		watch->rearm = true;
	defer(watch, !watch->rearm && change->len > 0 ? change->name : "");
	return 0;
}

static int watch_parent(struct directory_watch *watch)
{
	_cleanup_free_ char *copy = strdup(watch->directory);

	if (!copy)
		return -ENOMEM;
	return sd_event_add_inotify(watch->event, &watch->parent_source, dirname(copy),
				    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, on_parent, watch);
}

static int watch_directory(struct directory_watch *watch)
{
	return sd_event_add_inotify(watch->event, &watch->source, watch->directory,
				    watch->mask | GONE | IN_ONLYDIR, on_directory, watch);
}

static void disarm(struct directory_watch *watch)
{
	watch->source = sd_event_source_disable_unref(watch->source);
	watch->parent_source = sd_event_source_disable_unref(watch->parent_source);
}

static int arm(struct directory_watch *watch)
{
	int r = watch_directory(watch);

	if (r != -ENOENT)
		return r;
	r = watch_parent(watch);
	if (r < 0)
		return r;
	/* It may have been created before the parent was watched. */
	r = watch_directory(watch);
	if (r == -ENOENT)
		return 0;
	watch->parent_source = sd_event_source_disable_unref(watch->parent_source);
	return r;
}

static int on_deferred(sd_event_source *source, void *userdata)
{
	struct directory_watch *watch = userdata;
	char name[NAME_MAX + 1];
	int r = 0;

	(void)source;
	memcpy(name, watch->name, sizeof(name));
	watch->pending = false;
	if (watch->rearm) {
		watch->rearm = false;
		disarm(watch);
		r = arm(watch);
	}
	if (r >= 0)
		watch->handler(watch->userdata, name[0] ? name : NULL);
	return r;
}

int directory_watch_start(struct directory_watch *watch, sd_event *event, const char *directory,
			  uint32_t mask, directory_handler *handler, void *userdata)
{
	int r;

	*watch = (struct directory_watch){
		.event = sd_event_ref(event),
		.directory = strdup(directory),
		.mask = mask,
		.handler = handler,
		.userdata = userdata,
	};
	r = watch->directory ? sd_event_add_defer(event, &watch->defer_source, on_deferred, watch)
			     : -ENOMEM;
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->defer_source, SD_EVENT_OFF);
	if (r >= 0)
		r = arm(watch);
	if (r < 0)
		directory_watch_done(watch);
	return r < 0 ? r : 0;
}

void directory_watch_done(struct directory_watch *watch)
{
	disarm(watch);
	sd_event_source_disable_unref(watch->defer_source);
	sd_event_unref(watch->event);
	free(watch->directory);
	*watch = (struct directory_watch){0};
}
