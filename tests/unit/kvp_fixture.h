/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory with pools in hv_kvp_daemon's format, for the tests of the KVP transport. */
#ifndef KVP_FIXTURE_H
#define KVP_FIXTURE_H

#include <stddef.h>
#include <sys/types.h>

#include "userspace/guest/transport/kvp_pool.h"

struct pool_record {
	char key[KVP_KEY_SIZE];
	char value[KVP_VALUE_SIZE];
};

/* The directory of the current test. remove_folder() also removes its contents. */
extern char folder[64];
void make_folder(void);
void remove_folder(void);

/* Returns the path of a file in the directory, valid until the next call. */
const char *path_of(const char *name);

/* A record as hv_kvp_daemon writes it: the bytes after a NUL are undefined. */
struct pool_record make_record(const char *key, const char *value);

/* Discards standard error until unmute_stderr(), for tests with thousands of log messages. */
void mute_stderr(void);
void unmute_stderr(void);

/* Replaces the contents of a file. */
void write_file(const char *name, const void *bytes, size_t size);
/* The caller frees the result. */
char *read_file(const char *name, size_t *size);

/* Rewrites a pool under its lock, as hv_kvp_daemon does. */
void rewrite_pool(enum hv_kvp_exchg_pool pool, const struct pool_record *records, size_t count);

/* A child process that holds the lock of a pool until release_lock(). */
struct holder {
	pid_t pid;
	int pipe;
};
struct holder hold_lock(enum hv_kvp_exchg_pool pool);
void release_lock(struct holder holder);

#endif /* KVP_FIXTURE_H */
