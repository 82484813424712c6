/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers for time, files and the log. */
#ifndef HVHOST_UTIL_H
#define HVHOST_UTIL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "userspace/shared/util.h"

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define MIN(a, b)                           ((a) < (b) ? (a) : (b))

uint64_t now_us(void);
int write_all(int fd, const void *data, size_t length);
int read_file(const char *path, void **data, size_t *size);
/* Writes one line to the machine's log: standard error is DIRECTORY/hvhost.log. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* HVHOST_UTIL_H */
