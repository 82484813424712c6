/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outer machine's console, which QEMU writes to DIRECTORY/outer.log. Its kernel is started with
 * "quiet" and prints only warnings and errors. These are copied to standard error, the machine's
 * log.
 */
#ifndef HVHOST_OUTER_LOG_H
#define HVHOST_OUTER_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define OUTER_LOG "outer.log"

struct outer_log {
	int fd;
	size_t copied; /* bytes */
};

/* Empties the file. 0 or -errno, after reporting it. */
int outer_log_open(struct outer_log *log, const char *directory);
void outer_log_close(struct outer_log *log);
/*
 * Copies the complete lines that were added since the last call, and if @last also one that is not
 * complete. Returns whether anything was logged since the start.
 */
bool outer_log_relay(struct outer_log *log, bool last);

#endif /* HVHOST_OUTER_LOG_H */
