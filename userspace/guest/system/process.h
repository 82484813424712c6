/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of a process in /proc. A process can give itself any name, even with newlines. */
#ifndef HVL_PROCESS_H
#define HVL_PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Whether @pid is in the control group (v2) @group, a path from the root group. */
bool process_is_in(pid_t pid, const char *group);
/* The controlling terminal of @pid, or 0 if it has none. */
dev_t process_terminal(pid_t pid);

/* The same for an open /proc/PID/cgroup or /proc/PID/stat. */
bool process_cgroup_is(FILE *cgroup, const char *group);
dev_t process_stat_terminal(FILE *stat);

#endif /* HVL_PROCESS_H */
