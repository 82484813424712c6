/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between operating systems: waiting, signals, the terminal, input and patterns. */
#ifndef VMG_SYSTEM_H
#define VMG_SYSTEM_H

#include <stddef.h>

#include "userspace/host/libvmguestos/vmguestos.h"

/* Something to wait for: a file descriptor. Negative: nothing. */
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
 * Catches the signals that end a program (SIGINT, SIGTERM) in this thread and in those that it
 * starts later. What it returns is ready once one has arrived.
 */
waitable system_catch_signals(void);
/* To be called after the first signal: the next one terminates the process. */
void system_release_signals(waitable signals);

/* From now on, output that nobody reads any more is lost, and does not end the process. */
void system_ignore_closed_output(void);

bool system_input_is_terminal(void);
bool system_output_is_terminal(void);
/* The height of the terminal on standard output, at least 1. */
size_t system_rows(void);
/* Reads standard input: the number of bytes, 0 at the end, or a negative errno. */
long system_read(char *buffer, size_t size);
/* Whether the whole @name matches @pattern, with *, ? and [...]. */
bool system_matches(const char *pattern, const char *name);

#endif /* VMG_SYSTEM_H */
