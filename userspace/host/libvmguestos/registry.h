/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry of machines: a directory with one subdirectory per machine, named after it. With
 * $HVHOST_DIR set, that is the only registry. Otherwise machines are looked up in
 * $XDG_RUNTIME_DIR/hvhost (unless the caller is root) and then in /run/hvhost. hvhost uses these
 * functions as well.
 */
#ifndef VMG_REGISTRY_H
#define VMG_REGISTRY_H

#include <stdbool.h>

#define VMG_GUID_SIZE 37 /* with the NUL */

/* Whether @name is valid for a machine. A valid name is a single path component. */
bool vmg_registry_is_name(const char *name);
/* Gets the registry for new machines, which the caller frees. Returns 0 or -ENOMEM. */
int vmg_registry_own(char **directory);
/*
 * Gets the directory of the machine with that name or, if there is none, with that GUID, which may
 * be in braces. The caller frees it. Returns 0, -ENOENT, -EACCES, -ENOMEM…
 */
int vmg_registry_find(const char *name, char **directory);
/* Gets the GUID of the machine in @directory, in lower case, from its machine.json; "" if none. */
void vmg_registry_guid(const char *directory, char guid[VMG_GUID_SIZE]);
/* See VMGuestOS_Names(). A registry that does not exist has no machines. */
int vmg_registry_names(char ***names);

#endif /* VMG_REGISTRY_H */
