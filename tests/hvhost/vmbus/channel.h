/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the channel interface that only vmbus.c and gpadl.c use: the guest's messages. */
#ifndef HVHOST_CHANNEL_H
#define HVHOST_CHANNEL_H

#include "vmbus.h"

/* vmbus.c: posts a message to the guest. */
void vmbus_send(struct vmbus *bus, const void *message, size_t length);

void channel_open(struct vmbus *bus, const struct msg_open *message);
void channel_close(struct vmbus *bus, uint32_t relid);
void channel_release(struct vmbus *bus, uint32_t relid);
void channel_modify(struct vmbus *bus, const struct msg_modify *message);
/* Returns the channel to CHANNEL_NOT_OFFERED. */
void channel_reset(struct channel *channel);

#endif /* HVHOST_CHANNEL_H */
