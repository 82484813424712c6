/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The result of a request: its HRESULT, its text, and what became of users' processes. */
#ifndef HVL_RESULT_H
#define HVL_RESULT_H

#include <stdint.h>

#include "outcome.h"

#define RESULT_NO_ANSWER "systemd-logind does not answer; see the guest's journal."

struct engine;

struct result {
	uint32_t code;
	char text[2 * HV_LOGOFF_TEXT_SIZE];
};

__attribute__((format(printf, 3, 4))) void result_set(struct result *result, uint32_t code,
						      const char *format, ...);

/* All sessions have ended, and all managers have been stopped. */
void result_of_success(struct result *result, const struct engine *engine);
/* The same, except for sessions that were given up. */
void result_of_loop(struct result *result, const struct engine *engine);
void result_without_sessions(struct result *result, const struct engine *engine);
void result_of_dry_run(struct result *result, const struct engine *engine);
void result_at_deadline(struct result *result, const struct engine *engine);

/* Calls @handle for the outcome of each user, and not for those of sessions. */
void result_for_each_user(const struct engine *engine,
			  void (*handle)(void *userdata, const struct outcome *outcome),
			  void *userdata);

#endif /* HVL_RESULT_H */
