/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way in by KVP, with this machine's pools, clock and disk around it. */
#ifndef HVL_KVP_WAY_H
#define HVL_KVP_WAY_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "engine.h"
#include "kvp.h"
#include "kvp_items.h"

struct kvp_way {
	struct kvp kvp;
	struct kvp_items items;
};

/* Whether the host can exchange items with this machine, so far. */
bool kvp_way_is_there(void);
/* The pools may come later. -errno after saying why there is no way in. */
int kvp_way_start(struct kvp_way *way, sd_event *event, struct engine *engine);
void kvp_way_done(struct kvp_way *way);
/* The host must not take an answer that a daemon before this one has left for a way in. */
void kvp_way_close(void);

#endif /* HVL_KVP_WAY_H */
