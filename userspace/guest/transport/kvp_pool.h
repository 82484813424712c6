/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pools of KVP items, as hv_kvp_daemon stores them: files of fixed-size records, protected by
 * the same lock. The host sets the items of KVP_POOL_EXTERNAL, the guest publishes those of
 * KVP_POOL_GUEST. These functions never block, and only change the record with the key.
 */
#ifndef HVL_KVP_POOL_H
#define HVL_KVP_POOL_H

#include <linux/hyperv.h>
#include <stddef.h>

#define KVP_DIRECTORY  "/var/lib/hyperv"
#define KVP_KEY_SIZE   HV_KVP_EXCHANGE_MAX_KEY_SIZE
#define KVP_VALUE_SIZE HV_KVP_EXCHANGE_MAX_VALUE_SIZE

/*
 * All return -EAGAIN while another process has the lock, -ENOENT if the pool does not exist, and
 * another -errno if it is not usable: see kvp_pool_explain().
 */

/* Returns 1, or 0 if there is no such item. A value may be KVP_VALUE_SIZE bytes long. */
int kvp_pool_read(const char *directory, enum hv_kvp_exchg_pool pool, const char *key,
		  char value[KVP_VALUE_SIZE + 1]);
/* Changes or appends the item. @key and @value must be shorter than their fields. */
int kvp_pool_write(const char *directory, enum hv_kvp_exchg_pool pool, const char *key,
		   const char *value);
/* Returns 0 also if there is no such item. Later records move up. */
int kvp_pool_remove(const char *directory, enum hv_kvp_exchg_pool pool, const char *key);

/* The cause and the remedy, to be printed after "The pool FILE ". */
const char *kvp_pool_explain(int error);
/* The name of the pool's file. */
const char *kvp_pool_name(enum hv_kvp_exchg_pool pool);

#endif /* HVL_KVP_POOL_H */
