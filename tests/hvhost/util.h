/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every file needs: ownership by scope, time, files, the log. */
#ifndef HVHOST_UTIL_H
#define HVHOST_UTIL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array)                   (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define MIN(a, b)                           ((a) < (b) ? (a) : (b))

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void json_done(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_free_  _cleanup_(free_pointer)
#define _cleanup_json_  _cleanup_(json_done)

/* util.c */
uint64_t now_us(void);
int write_all(int fd, const void *data, size_t length);
int read_file(const char *path, void **data, size_t *size);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* HVHOST_UTIL_H */
