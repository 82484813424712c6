/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine that is none: a control socket in a registry of its own, and behind it a thread that
 * answers as hvhost does (docs/hvhost.md), with what a test says.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_HOST_NAME "machine-1"

/* A registry in $HVHOST_DIR, with the folder of a machine that doesn't run. */
void fake_host_registry(void);
void fake_host_registry_remove(void);
const char *fake_host_registry_path(void);
const char *fake_host_folder(void);

/* The machine runs, and has the component, until the next stop. */
void fake_host_start(void);
/* As if it were killed. May be called for one that doesn't run. */
void fake_host_stop(void);

void fake_host_negotiated(bool negotiated);
/* A logoff is refused with that, or taken if it is 0; a status is answered in any case. */
void fake_host_refuses(uint32_t hresult);
/* The version of the message that was negotiated, which who watches is told. */
void fake_host_version(const char *version);
/* The answer to a cancel. */
void fake_host_cancels(uint32_t hresult);
/* Sent to the client before a logoff's status is answered, and behind it. */
void fake_host_says_early(const char *before, const char *behind);

/* The guest's HvLogoffAnswer from now on; "" is none. An "@" in it stands for the id that was
 * asked for last. */
void fake_host_kvp_answers(const char *value);
/* Whether the host has an HvLogoffRequest before anybody writes one. */
void fake_host_kvp_put(const char *value);
/* Waits until the host's HvLogoffRequest has that in it, and says what it is. */
const char *fake_host_kvp_wait(const char *part);

/* Bytes for the client of the last logoff. */
void fake_host_say(const char *bytes);
void fake_host_progress(const char *state, int percent, const char *text);
void fake_host_complete(uint32_t hresult);
/* For the client of the last logoff, and for all who watch. */
void fake_host_session(const char *id, const char *outcome, const char *kind, const char *session);
/* For all who watch. */
void fake_host_watched(const char *bytes);

/* The line of the last command of that name; "" if there was none. */
const char *fake_host_heard(const char *command);
/* Waits until the client of the last logoff has hung up, or all who watch have. */
void fake_host_wait_hangup(void);
void fake_host_wait_unwatched(void);

#endif /* FAKE_HOST_H */
