/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key-value pair component. The host's items are kept here, also while
 * there is no guest to tell; the guest's are asked for when someone wants them.
 */
#ifndef HVHOST_KVP_H
#define HVHOST_KVP_H

#include <linux/hyperv.h>
#include <sys/queue.h>

#include "ic.h"

struct kvp_job;

struct ic_kvp {
	struct ic ic;
	json_t *host_items;            /* pool 0, as the guest shall have it */
	json_t *known[KVP_POOL_COUNT]; /* what the guest has last told, by pool */
	/* The first one is with the guest: there is one transaction at a time. */
	STAILQ_HEAD(kvp_jobs, kvp_job) jobs;
	bool waiting; /* for the answer to it */
	uint8_t transaction;
	struct timer timer; /* until the first of those who wait has waited enough */
};

int ic_kvp_init(struct ic_kvp *kvp, struct vm *vm);
void ic_kvp_done(struct ic_kvp *kvp);

/* WMI's verbs: AddKvpItems, ModifyKvpItems, RemoveKvpItems, and what can be read. */
void ic_kvp_add_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_modify_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_remove_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_host_items_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_guest_items_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_intrinsic_items_command(struct vm *vm, uint64_t client, const json_t *request);
/* What WMI hasn't got: a look into any pool of the guest's. */
void ic_kvp_get_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_pool_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_KVP_H */
