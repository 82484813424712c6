/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pools of KVP items, as hv_kvp_daemon stores them: files of fixed-size records, protected by
 * the same lock. The host sets the items of KVP_POOL_EXTERNAL, the guest publishes those of
 * KVP_POOL_GUEST. These functions never block, and only change the record with the key.
 *
 * Some writers lock a pool with flock() instead. That lock is respected only for
 * KVP_FLOCK_PATIENCE, because a process can hold it with a read-only descriptor.
 */
#ifndef HVL_KVP_POOL_H
#define HVL_KVP_POOL_H

#include <linux/hyperv.h>
#include <stddef.h>
#include <stdint.h>

#include "userspace/shared/util.h"

#define KVP_DIRECTORY  "/var/lib/hyperv"
#define KVP_KEY_SIZE   HV_KVP_EXCHANGE_MAX_KEY_SIZE
#define KVP_VALUE_SIZE HV_KVP_EXCHANGE_MAX_VALUE_SIZE

#define KVP_FLOCK_PATIENCE USEC_PER_SEC

struct kvp_pool {
	const char *directory;
	enum hv_kvp_exchg_pool number;
	uint64_t flocked; /* since when another process has had it locked with flock(), or 0 */
};

/*
 * All return -EAGAIN while another process has the lock, -ENOENT if the pool does not exist, and
 * another -errno if it is not usable: see kvp_pool_explain().
 */

/* Returns 1, or 0 if there is no such item. A value may be KVP_VALUE_SIZE bytes long. */
int kvp_pool_read(struct kvp_pool *pool, const char *key, char value[KVP_VALUE_SIZE + 1]);
/* Changes or appends the item. @key and @value must be shorter than their fields. */
int kvp_pool_write(struct kvp_pool *pool, const char *key, const char *value);
/* Returns 0 also if there is no such item. Later records move up. */
int kvp_pool_remove(struct kvp_pool *pool, const char *key);
/*
 * Revokes the access of all users but root: a user who may read the pool may lock it. Returns
 * whether that changed anything. Needs no lock.
 */
int kvp_pool_make_private(const struct kvp_pool *pool);

/* The cause and the remedy, to be printed after "The pool FILE ". */
const char *kvp_pool_explain(int error);
/* The name of the pool's file. */
const char *kvp_pool_name(enum hv_kvp_exchg_pool number);

#endif /* HVL_KVP_POOL_H */
