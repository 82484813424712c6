/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For vmbus.c and gpadl.c: what the guest's messages do to channels. */
#ifndef HVHOST_CHANNEL_H
#define HVHOST_CHANNEL_H

#include "vmbus.h"

/* vmbus.c: post a message to the guest. */
void vmbus_send(struct vmbus *bus, const void *message, size_t length);

void channel_open(struct vmbus *bus, const struct msg_open *message);
void channel_close(struct vmbus *bus, uint32_t relid);
void channel_release(struct vmbus *bus, uint32_t relid);
void channel_modify(struct vmbus *bus, const struct msg_modify *message);
/* The bus starts anew: the guest knows no channel. */
void channel_forget(struct channel *channel);

#endif /* HVHOST_CHANNEL_H */
