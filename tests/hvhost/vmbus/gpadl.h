/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest physical address descriptor lists: the pages that the guest shares. */
#ifndef HVHOST_GPADL_H
#define HVHOST_GPADL_H

#include "vmbus.h"

void gpadl_header(struct vmbus *bus, const struct msg_gpadl_header *message, size_t length);
void gpadl_body(struct vmbus *bus, const struct msg_gpadl_body *message, size_t length);
void gpadl_teardown(struct vmbus *bus, const struct msg_gpadl_teardown *message);
/* Returns NULL unless the GPADL belongs to this channel and is complete. */
const struct gpadl *gpadl_find(struct vmbus *bus, uint32_t id, uint32_t relid);
void gpadl_free_channel(struct vmbus *bus, uint32_t relid);
void gpadl_free_all(struct vmbus *bus);

#endif /* HVHOST_GPADL_H */
