/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fake guest behind the socket for streams of a machine's directory, and a thread that answers as
 * hv-logoffd does (docs/protocol.md, "Hyper-V sockets"), but carries out any number of requests at
 * once, which have one state.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/wire.h"

#define FAKE_GUEST_VERSIONS 3

/* Listens in @directory. It supports the lowest @versions of the messages' versions. */
void fake_guest_start(const char *directory, size_t versions);
/* Closes all streams and the socket. Does nothing if it is not running. */
void fake_guest_stop(void);

/* Streams are closed instead of "OK", as for a port on which nobody listens. */
void fake_guest_refuse(bool refuses);
/* Streams are accepted, but nothing is answered, also no CONNECT. */
void fake_guest_ignore(bool ignores);
/* The status of the answer to a CANCEL. */
void fake_guest_set_cancel_result(uint32_t status);

/* Waits for a LOGOFF or TARGET that is the @number'th, from 1, since the start. */
struct hvl_packet fake_guest_wait_logoff(unsigned int number);
/* Those and CANCELs, so far. */
unsigned int fake_guest_logoffs(void);
unsigned int fake_guest_cancels(void);
/* Waits for a stream that has negotiated and that has sent no LOGOFF. */
void fake_guest_wait_watcher(void);

/* To the streams that have sent the LOGOFF or TARGET. */
void fake_guest_progress(enum hv_logoff_state state);
void fake_guest_complete(uint32_t result);
/* The end of a session of anna, to all streams; @id may be 0. */
void fake_guest_session(uint64_t id);
/* Bytes that are no message, to all streams. */
void fake_guest_garbage(void);
/* Closes all streams. */
void fake_guest_drop(void);
/* As after a restart: it does not know the request any more. */
void fake_guest_forget(void);

#endif /* FAKE_GUEST_H */
