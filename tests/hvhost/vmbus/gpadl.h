/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest physical address descriptor lists: which of its pages the guest shares. */
#ifndef HVHOST_GPADL_H
#define HVHOST_GPADL_H

#include "vmbus.h"

void gpadl_begin(struct vmbus *bus, const struct msg_gpadl_header *message, size_t length);
void gpadl_continue(struct vmbus *bus, const struct msg_gpadl_body *message, size_t length);
void gpadl_tear_down(struct vmbus *bus, const struct msg_gpadl_teardown *message);
/* A complete one of this channel's, or NULL. */
const struct gpadl *gpadl_find(struct vmbus *bus, uint32_t id, uint32_t relid);
void gpadl_free_of(struct vmbus *bus, uint32_t relid);
void gpadl_free_all(struct vmbus *bus);

#endif /* HVHOST_GPADL_H */
