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

/* Whether @name is valid for a machine. A valid name is a single path component. */
bool vmg_registry_is_name(const char *name);
/* Gets the registry for new machines, which the caller frees. Returns 0 or -ENOMEM. */
int vmg_registry_own(char **directory);
/* Gets a machine's directory, which the caller frees. Returns 0, -ENOENT, -EACCES, -ENOMEM… */
int vmg_registry_find(const char *name, char **directory);
/* See VMGuestOS_Names(). A registry that does not exist has no machines. */
int vmg_registry_names(char ***names);

#endif /* VMG_REGISTRY_H */
