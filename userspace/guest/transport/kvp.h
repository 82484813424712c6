/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport by KVP, with the pools, clock and state directory of this machine. */
#ifndef HVL_KVP_TRANSPORT_H
#define HVL_KVP_TRANSPORT_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "kvp_items.h"
#include "kvp_requests.h"
#include "userspace/guest/logoff/engine.h"

struct kvp_transport {
	struct kvp_requests requests;
	struct kvp_items items;
};

/* Whether the host can exchange items with this machine now. */
bool kvp_transport_available(void);
/*
 * The pools may be created later. @vsock: see kvp_requests_init(). Returns 0, or -errno after
 * logging the reason.
 */
int kvp_transport_start(struct kvp_transport *transport, sd_event *event, struct engine *engine,
			uint32_t vsock);
void kvp_transport_done(struct kvp_transport *transport);
/* Removes the answer of a previous daemon: an answer means that requests are accepted. */
void kvp_transport_remove_answer(void);

#endif /* HVL_KVP_TRANSPORT_H */
