/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fake machine: a control socket in a registry of its own, and a thread that replies like hvhost
 * (docs/hvhost.md), as configured by the test.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_HOST_NAME "machine-1"

/* Creates a registry, $HVHOST_DIR, with the directory of a machine that is not running. */
void fake_host_registry(void);
void fake_host_registry_remove(void);
const char *fake_host_registry_path(void);
const char *fake_host_directory(void);

/* Starts the machine, with the component negotiated and all settings at their defaults. */
void fake_host_start(void);
/* Stops the machine as if it were killed. Does nothing if it is not running. */
void fake_host_stop(void);

void fake_host_set_negotiated(bool negotiated);
/* The negotiated message version. */
void fake_host_set_version(const char *version);
/* Commands other than status and cancel are refused with @hresult, unless it is 0. */
void fake_host_set_refusal(uint32_t hresult);
/* The result of a cancel. */
void fake_host_set_cancel_result(uint32_t hresult);
/* Sent to the client of a logoff before and after the reply to its status. May be NULL. */
void fake_host_set_early_output(const char *before, const char *after);

/* Sets the guest's HvLogoffAnswer; "" for none. "@" is replaced by the id of the last request. */
void fake_host_kvp_set_answer(const char *value);
/* The same for the guest's HvLogoffSessions1. */
void fake_host_kvp_set_sessions(const char *value);
/* Sets the host's HvLogoffRequest, as another program would. */
void fake_host_kvp_set_request(const char *value);
/* Waits until the host's HvLogoffRequest contains @part, and returns it. */
const char *fake_host_kvp_wait(const char *part);

/* Output for the client of the last logoff. */
void fake_host_send(const char *bytes);
void fake_host_send_progress(const char *state, int percent, const char *text);
void fake_host_send_result(uint32_t hresult);
/* Output for the client of the last logoff and for all clients that watch. */
void fake_host_send_session(const char *id, const char *outcome, const char *kind,
			    const char *session);
/* Output for all clients that watch. */
void fake_host_send_event(const char *bytes);

/* Returns the last "logoff" or "cancel" command; "" if there was none. */
const char *fake_host_received(const char *command);
/* Waits until the client of the last logoff, or all clients that watch, have disconnected. */
void fake_host_wait_disconnect(void);
void fake_host_wait_unwatched(void);

#endif /* FAKE_HOST_H */
