/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether logind is still opening a session: the program that opens it, such as login(1), has not
 * started the user's shell. logind sends no signal when that is over, but changes its files.
 */
#ifndef HVL_OPENING_H
#define HVL_OPENING_H

#include <stdbool.h>
#include <systemd/sd-event.h>
#include <systemd/sd-login.h>

struct opening {
	sd_event *event;
	sd_login_monitor *monitor; /* after opening_check() has returned true */
	sd_event_source *source;
	void (*changed)(void *userdata);
	void *userdata;
};

void opening_init(struct opening *opening, sd_event *event, void (*changed)(void *userdata),
		  void *userdata);
void opening_done(struct opening *opening);

/*
 * Whether logind is opening the session @id. If so, changed() is called once when the state of any
 * session may have changed.
 */
bool opening_check(struct opening *opening, const char *id);

#endif /* HVL_OPENING_H */
