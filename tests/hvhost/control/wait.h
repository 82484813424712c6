/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command "wait": replies when a component has reached a state. */
#ifndef HVHOST_WAIT_H
#define HVHOST_WAIT_H

#include <jansson.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/hvhost/loop.h"

struct vm;
struct wait;

struct waits {
	struct vm *vm;
	struct timer timer; /* for the earliest deadline */
	LIST_HEAD(wait_list, wait) list;
};

int waits_init(struct waits *waits, struct vm *vm);
void waits_done(struct waits *waits);
void waits_check(struct waits *waits);
void wait_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_WAIT_H */
