/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder with pools in it, as hv_kvp_daemon writes them, for the tests of the way in by KVP. */
#ifndef KVP_FIXTURE_H
#define KVP_FIXTURE_H

#include <stddef.h>
#include <sys/types.h>

#include "userspace/guest/transport/kvp_pool.h"

struct pool_record {
	char key[KVP_KEY_SIZE];
	char value[KVP_VALUE_SIZE];
};

/* The folder of the test that runs: made by one, removed with all in it by the other. */
extern char folder[64];
void make_folder(void);
void remove_folder(void);

/* A file's path in the folder, until the next call. */
const char *path_of(const char *name);

/* As that daemon leaves it: behind a text's NUL is whatever was there. */
struct pool_record make_record(const char *key, const char *value);

/* What is logged goes nowhere until it is loud again; for thousands of refusals. */
void quiet(void);
void loud(void);

/* All of a file is these bytes. */
void write_file(const char *name, const void *bytes, size_t size);
/* To be freed. */
char *read_file(const char *name, size_t *size);

/* Under the lock, in one go, as that daemon does. */
void rewrite_pool(enum kvp_pool pool, const struct pool_record *records, size_t count);

/* Another process that has the lock of a pool, until it is told to let go. */
struct holder {
	pid_t pid;
	int pipe;
};
struct holder hold_lock(enum kvp_pool pool);
void let_go(struct holder holder);

#endif /* KVP_FIXTURE_H */
