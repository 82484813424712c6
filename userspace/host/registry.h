/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where machines are found: a folder that has one of its name for each. */
#ifndef VMG_REGISTRY_H
#define VMG_REGISTRY_H

/* The machine's folder, to be freed; or -ENOENT, -EACCES, -ENOMEM… */
int vmg_registry_find(const char *name, char **folder);
/* See VMGuestOS_Names(). A registry that is not there has no machines. */
int vmg_registry_names(char ***names);

#endif /* VMG_REGISTRY_H */
