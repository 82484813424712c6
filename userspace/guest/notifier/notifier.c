// SPDX-License-Identifier: GPL-2.0-or-later
#include "notifier.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

/* A countdown that is longer has a wrong clock as its cause. As HV_LOGOFF_TIMEOUT_MAX. */
#define COUNTDOWN_MAX (86400 * USEC_PER_SEC)

/* Desktops cut a summary that is longer, such as Xfce's. */
#define ENDING "You are being logged off."

static uint64_t clock_usec(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Rounded up to the unit in which the text counts. */
uint64_t notifier_countdown(char *text, size_t size, uint64_t left)
{
	uint64_t unit = left > 120 * USEC_PER_SEC  ? 60 * USEC_PER_SEC
			: left > 10 * USEC_PER_SEC ? 10 * USEC_PER_SEC
						   : USEC_PER_SEC;
	uint64_t units = (left + unit - 1) / unit;
	uint64_t seconds = units * unit / USEC_PER_SEC;

	if (left == 0)
		snprintf(text, size, ENDING);
	else if (seconds > 120)
		snprintf(text, size, "Logoff in %" PRIu64 " minutes", units);
	else if (seconds > 1)
		snprintf(text, size, "Logoff in %" PRIu64 " seconds", seconds);
	else
		snprintf(text, size, "Logoff in 1 second");
	return left == 0 ? 0 : left - (units - 1) * unit;
}

static void stop_countdown(struct notifier *notifier)
{
	notifier->id = 0;
	sd_event_source_set_enabled(notifier->countdown, SD_EVENT_OFF);
}

/* Returns the text, and wakes the notifier when it changes. */
static const char *count(struct notifier *notifier, char *text, size_t size)
{
	uint64_t now = clock_usec(CLOCK_BOOTTIME);
	uint64_t next =
		notifier_countdown(text, size, notifier->end > now ? notifier->end - now : 0);

	if (next) {
		sd_event_source_set_time(notifier->countdown, now + next);
		sd_event_source_set_enabled(notifier->countdown, SD_EVENT_ONESHOT);
	}
	return text;
}

static int on_countdown(sd_event_source *source, uint64_t time, void *userdata)
{
	struct notifier *notifier = userdata;
	char text[DESKTOP_SUMMARY_SIZE];

	(void)source;
	(void)time;
	desktop_update(&notifier->desktop, count(notifier, text, sizeof(text)));
	return 0;
}

static void warn(struct notifier *notifier, const struct notice *notice)
{
	uint64_t now = clock_usec(CLOCK_REALTIME);
	uint64_t left = notice->deadline > now ? notice->deadline - now : 0;
	char text[DESKTOP_SUMMARY_SIZE];
	bool known = notifier->id == notice->id;

	notifier->id = notice->id;
	notifier->end = clock_usec(CLOCK_BOOTTIME) + earlier(left, COUNTDOWN_MAX);
	count(notifier, text, sizeof(text));
	if (known)
		desktop_update(&notifier->desktop, text);
	else
		desktop_show(&notifier->desktop, text, notice->message, true);
}

/* States that a later version may add are ignored. */
static void on_notice(void *userdata, const struct notice *notice)
{
	struct notifier *notifier = userdata;

	if (!strcmp(notice->state, "warned")) {
		warn(notifier, notice);
	} else if (!strcmp(notice->state, "ending")) {
		stop_countdown(notifier);
		desktop_show(&notifier->desktop, ENDING, notice->message, true);
	} else if (!strcmp(notice->state, "cancelled")) {
		stop_countdown(notifier);
		desktop_show(&notifier->desktop, "The logoff was cancelled.", "", false);
	} else if (!strcmp(notice->state, "done") || !notice->state[0]) {
		stop_countdown(notifier);
		desktop_close(&notifier->desktop);
	}
}

static void on_ready(void *userdata)
{
	struct notifier *notifier = userdata;

	if (notifier->subscribes)
		return;
	notifier->subscribes =
		manager_start(&notifier->manager, notifier->event, on_notice, notifier) >= 0;
	if (!notifier->subscribes)
		log_message(LOG_ERR, "Out of memory: notices of hv-logoffd are not shown.");
}

int notifier_start(struct notifier *notifier, sd_event *event, sd_bus *bus)
{
	int r;

	*notifier = (struct notifier){.event = event};
	r = sd_event_add_time(event, &notifier->countdown, CLOCK_BOOTTIME, USEC_NEVER,
			      100 * USEC_PER_MSEC, on_countdown, notifier);
	if (r >= 0)
		r = sd_event_source_set_enabled(notifier->countdown, SD_EVENT_OFF);
	return r < 0 ? r : desktop_start(&notifier->desktop, event, bus, on_ready, notifier);
}

void notifier_done(struct notifier *notifier)
{
	if (notifier->subscribes)
		manager_done(&notifier->manager);
	desktop_done(&notifier->desktop);
	sd_event_source_disable_unref(notifier->countdown);
}
