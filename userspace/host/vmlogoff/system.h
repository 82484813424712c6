/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between operating systems: waiting, signals, the terminal, input, patterns, secrets,
 * and accounts for other computers.
 */
#ifndef VMG_SYSTEM_H
#define VMG_SYSTEM_H

#include <stddef.h>

#include "userspace/host/libvmguestos/vmguestos.h"

/*
 * Something to wait for: a file descriptor, or on Windows an event, whose handle is its
 * LongToHandle(). Negative: nothing.
 */
typedef int waitable;

/* Gets an event, which stays set once it was set. Negative: there are no resources for it. */
waitable system_event(void);
/* Sets an event. Any thread may do so. */
void system_set(waitable event);
/* Closes an event, unless it is negative, and makes it negative. */
void system_close(waitable *event);
/* What becomes ready when @task has changed. It belongs to the task. */
waitable system_task(IVMTask2 *task);
/* Waits until one of @count is ready; returns the index of the first that is, or -1 on error. */
int system_wait(const waitable *any, size_t count);
bool system_is_ready(waitable one);

/*
 * Catches what ends a program (SIGINT and SIGTERM; on Windows Ctrl-C, Ctrl-Break, and the end of
 * the console or of the user's session) in this thread and in those that it starts later. What it
 * returns is ready once one has arrived.
 */
waitable system_catch_signals(void);
/* To be called after the first signal: the next one terminates the process. */
void system_release_signals(waitable signals);

/* From now on, output that nobody reads any more is lost, and does not end the process. */
void system_ignore_closed_output(void);

bool system_input_is_terminal(void);
/* And whether bars can be drawn on it. */
bool system_output_is_terminal(void);
/* The height of the terminal on standard output, at least 1. */
size_t system_rows(void);
/* Reads an answer, as fgets() does, after the question is shown on the terminal. */
bool system_read_line(char *line, size_t size);
/* Reads standard input: the number of bytes, 0 at the end, or a negative errno. */
long system_read(char *buffer, size_t size);
/* Whether the whole @name matches @pattern, with *, ? and [...]. Windows ignores case. */
bool system_matches(const char *pattern, const char *name);

/* Overwrites a secret; the compiler does not remove this. */
void system_wipe(void *bytes, size_t size);
/* Overwrites and frees a block of malloc(). */
void system_wipe_and_free(void *block);

/* Whether a host permits sockets to its guests only for services in its registry, as Hyper-V does.
 */
bool system_has_registration(void);
/*
 * Adds the service of hv-logoffd there, or removes it and nothing else. It can already be there, or
 * be missing. E_ACCESSDENIED: this is no administrator.
 */
HRESULT system_set_registration(bool registered);

/* Whether machines of other computers can be used at all. */
bool system_reaches_hosts(void);
/* NULL is this computer. */
bool system_is_this_computer(const char *host);
/*
 * Sets the password of another computer's account: that of the user's credential for it, which also
 * sets the user if there is none, or what is typed on the terminal. Without both, it is the account
 * of this process. Returns false if there is a user without a password. The texts remain valid
 * until the process ends.
 */
bool system_find_account(VMHost *host);

#endif /* VMG_SYSTEM_H */
