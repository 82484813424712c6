/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that a command selects by name, GUID or pattern, or by --all. */
#ifndef VMG_MACHINES_H
#define VMG_MACHINES_H

#include <stddef.h>

#include "userspace/host/libvmguestos/vmguestos.h"

struct machine {
	char *name;         /* if it was not found, what the user typed */
	char *guid;         /* NULL or "" if it has none */
	IVMGuestOS2 *guest; /* NULL if it was not found */
	HRESULT result;     /* why it was not found or is not available; later the outcome */
	char *reason;       /* the host's sentence for that; NULL or "" if it has none */
	char *line;         /* the last progress line; protected by the lock of struct show */
	int percent;        /* the same */
};

struct machines {
	const VMHost *host; /* NULL: this computer */
	struct machine *list;
	size_t count;
};

void machines_done(struct machines *machines);
/*
 * Adds the machine whose name or GUID is @typed, or all whose name matches it as a pattern, unless
 * they are in the list. If there is none, adds @typed with the reason as its result. Returns S_OK,
 * or an error that prevents any selection.
 */
HRESULT machines_add(struct machines *machines, const char *typed);
/* Adds all machines. */
HRESULT machines_add_all(struct machines *machines);
/* Removes the machines that have a result other than S_OK. */
void machines_drop_failed(struct machines *machines);

#endif /* VMG_MACHINES_H */
