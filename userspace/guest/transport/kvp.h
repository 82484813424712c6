/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way in by KVP, with this machine's pools, clock and disk around it. */
#ifndef HVL_KVP_TRANSPORT_H
#define HVL_KVP_TRANSPORT_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "kvp_items.h"
#include "kvp_requests.h"
#include "userspace/guest/logoff/engine.h"

struct kvp_transport {
	struct kvp_requests kvp;
	struct kvp_items items;
};

/* Whether the host can exchange items with this machine, so far. */
bool kvp_transport_available(void);
/* The pools may come later. -errno after saying why there is no way in. */
int kvp_transport_start(struct kvp_transport *way, sd_event *event, struct engine *engine);
void kvp_transport_done(struct kvp_transport *way);
/* The host must not take an answer that a daemon before this one has left for a way in. */
void kvp_transport_close(void);

#endif /* HVL_KVP_TRANSPORT_H */
