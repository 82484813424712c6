/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command "inject": writes one packet with any contents and any claimed size. */
#ifndef HVHOST_INJECT_H
#define HVHOST_INJECT_H

#include <jansson.h>
#include <stdint.h>

struct vm;

void inject_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_INJECT_H */
