/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines of the host that the stand-in plays, and where else they can come from. */
#ifndef SOURCE_H
#define SOURCE_H

#include "item.h"

#define MAX_ITEMS    128
#define MAX_MACHINES 8

#define STATE_RUNNING 2
#define STATE_OFF     3

struct items {
	struct item list[MAX_ITEMS];
	size_t count;
};

struct machine {
	const WCHAR *name;
	const WCHAR *id;
	LONG state;
	bool exchange; /* Data Exchange is enabled */
	struct items host, guest, intrinsic;
};

enum kvp_method { KVP_ADD, KVP_MODIFY, KVP_REMOVE, KVP_NONE };

/* Each function is called with the host's lock held, and may wait. */
struct source {
	/* Returns the number of machines, at most MAX_MACHINES, without their items. */
	size_t (*list)(struct machine **machines);
	/* Reads the items that the machine has now. */
	void (*read)(struct machine *machine);
	/* Add-, Modify- or RemoveKvpItems with one item. Returns WMI's value. */
	LONG (*apply)(struct machine *machine, enum kvp_method method, const struct item *item);
};

/* Sets an item, unless there are MAX_ITEMS. */
void items_set(struct items *items, const WCHAR *name, const WCHAR *data);
void items_clear(struct items *items);

/*
 * The machines of hvhost, through bridge.py, which listens on that port of 127.0.0.1. A machine
 * that is not running is off.
 */
const struct source *hvhost_source(unsigned short port);

#endif /* SOURCE_H */
