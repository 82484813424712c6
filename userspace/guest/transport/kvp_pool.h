/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pools of KVP items as hv_kvp_daemon keeps them: files of fixed records, under the
 * same lock. Nothing here waits, and no record but the one with the key is changed.
 */
#ifndef HVL_KVP_POOL_H
#define HVL_KVP_POOL_H

#include <stddef.h>

#define KVP_FOLDER     "/var/lib/hyperv"
#define KVP_KEY_SIZE   512
#define KVP_VALUE_SIZE 2048

enum kvp_pool {
	KVP_POOL_HOST = 0,  /* what the host has set */
	KVP_POOL_GUEST = 1, /* what the guest shows to the host */
};

/*
 * All return -EAGAIN while somebody else has the lock, -ENOENT when the pool is not there, and
 * another -errno when it cannot be used: kvp_pool_explain() says why.
 */

/* 1, 0 if there is no such item. A value that fills its record is as long as KVP_VALUE_SIZE. */
int kvp_pool_read(const char *folder, enum kvp_pool pool, const char *key,
		  char value[KVP_VALUE_SIZE + 1]);
/* Changes the item, or appends it. @key and @value are shorter than their records. */
int kvp_pool_write(const char *folder, enum kvp_pool pool, const char *key, const char *value);
/* 0, also when there is no such item. Later records move up. */
int kvp_pool_remove(const char *folder, enum kvp_pool pool, const char *key);

/* What is wrong and what to do, after "The pool FILE ". */
const char *kvp_pool_explain(int error);
/* The pool's file below its folder. */
const char *kvp_pool_name(enum kvp_pool pool);

#endif /* HVL_KVP_POOL_H */
