// SPDX-License-Identifier: GPL-2.0-or-later
#include "opening.h"

#include <string.h>

#include "userspace/shared/util.h"

void opening_init(struct opening *opening, sd_event *event, void (*changed)(void *userdata),
		  void *userdata)
{
	*opening = (struct opening){.event = event, .changed = changed, .userdata = userdata};
}

void opening_done(struct opening *opening)
{
	opening->source = sd_event_source_disable_unref(opening->source);
	opening->monitor = sd_login_monitor_unref(opening->monitor);
}

/* Another check watches again, before it reads the state, so that no change is missed. */
static int on_change(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct opening *opening = userdata;

	(void)source;
	(void)fd;
	(void)events;
	opening_done(opening);
	opening->changed(opening->userdata);
	return 0;
}

static int watch(struct opening *opening)
{
	int r;

	if (opening->source)
		return 0;
	r = sd_login_monitor_new("session", &opening->monitor);
	if (r >= 0)
		r = sd_event_add_io(opening->event, &opening->source,
				    sd_login_monitor_get_fd(opening->monitor),
				    (uint32_t)sd_login_monitor_get_events(opening->monitor),
				    on_change, opening);
	if (r < 0)
		opening_done(opening);
	return r;
}

static bool is_opening(const char *id)
{
	_cleanup_free_ char *state = NULL;

	return sd_session_get_state(id, &state) >= 0 && !strcmp(state, "opening");
}

bool opening_check(struct opening *opening, const char *id)
{
	/* Few sessions are: nothing is watched for the others. */
	return is_opening(id) && watch(opening) >= 0 && is_opening(id);
}
