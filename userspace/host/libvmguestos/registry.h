/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where machines are found: a folder that has one of its name for each. It is $HVHOST_DIR; if
 * that isn't set $XDG_RUNTIME_DIR/hvhost, and for what isn't there /run/hvhost; for root
 * /run/hvhost alone. What starts machines uses this as well.
 */
#ifndef VMG_REGISTRY_H
#define VMG_REGISTRY_H

#include <stdbool.h>

/* Whether it can be a machine's: nobody gets out of the registry by it. */
bool vmg_registry_is_name(const char *name);
/* The folder that new machines get theirs in, to be freed; or -ENOMEM. */
int vmg_registry_own(char **folder);
/* The machine's folder, to be freed; or -ENOENT, -EACCES, -ENOMEM… */
int vmg_registry_find(const char *name, char **folder);
/* See VMGuestOS_Names(). A registry that is not there has no machines. */
int vmg_registry_names(char ***names);

#endif /* VMG_REGISTRY_H */
