/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key-value pair (KVP) component. The host keeps its own items, whether the
 * component is negotiated or not; it reads the guest's items on request only.
 */
#ifndef HVHOST_KVP_H
#define HVHOST_KVP_H

#include <linux/hyperv.h>
#include <sys/queue.h>

#include "ic.h"

struct kvp_job;

struct ic_kvp {
	struct ic ic;
	json_t *host_items;            /* of pool 0 */
	json_t *pools[KVP_POOL_COUNT]; /* the guest's, as they were last enumerated */
	/* One transaction at a time: that of the first job. */
	STAILQ_HEAD(kvp_jobs, kvp_job) jobs;
	bool waiting;     /* the first job was sent, and has no answer yet */
	uint64_t sent_us; /* when the request that is waited for was sent */
	uint8_t transaction;
	struct timer timer; /* for the earliest deadline of a client */
};

int ic_kvp_init(struct ic_kvp *kvp, struct vm *vm);
void ic_kvp_done(struct ic_kvp *kvp);

/* AddKvpItems, ModifyKvpItems and RemoveKvpItems of WMI, and the items that WMI shows. */
void ic_kvp_add_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_modify_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_remove_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_host_items_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_guest_items_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_intrinsic_items_command(struct vm *vm, uint64_t client, const json_t *request);
/* Without an equivalent in WMI: read from any pool of the guest. */
void ic_kvp_get_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_kvp_pool_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_KVP_H */
