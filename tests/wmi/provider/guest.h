/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of web1 that the stand-in plays. It has hv-logoffd with one of these behaviors:
 *
 *	guest=logoff   a request is carried out
 *	guest=stays    it stays in its grace period, until it is cancelled
 *	guest=ending   it never ends, and cannot be cancelled
 *	guest=refuses  it is refused with E_ACCESSDENIED
 *	guest=nobody   it ends at once, as nobody is logged on
 *	guest=late     it ends with VM_E_TIMED_OUT
 *	guest=silent   it gets no answer
 *	guest=busy     another request is in progress
 *	guest=skewed   the guest's clock is in 2001
 *	guest=stops    the machine stops while the request is in progress
 *	guest=moves    it moves to another host
 *
 * With vsock=yes, its answers say that it also accepts requests by a socket. Each time that the
 *host reads the guest's items, the request proceeds by one step.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <windows.h>

void guest_reset(void);

/* Sets the behavior; false if @word is none. */
bool guest_apply_word(const WCHAR *word);

/* The host has set HvLogoffRequest. */
void guest_receive(const WCHAR *value);

/* The next HvLogoffAnswer, for SysFreeString(); NULL if there is no hv-logoffd. */
BSTR guest_answer(void);

/* HvLogoffSessions1 of that answer, or NULL. */
BSTR guest_sessions(void);

/* Whether the machine has stopped, or is on another host. */
bool guest_has_stopped(void);
bool guest_has_moved(void);

#endif /* GUEST_H */
