/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc says about a process. Its name is the process' own choice, newlines and all. */
#ifndef HVL_PROCESS_H
#define HVL_PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Whether @pid is in the control group (v2) @group, named as from their root. */
bool process_is_in(pid_t pid, const char *group);
/* The controlling terminal of @pid, 0 if it has none. */
dev_t process_terminal(pid_t pid);

/* The same of an open /proc/PID/cgroup, and of an open /proc/PID/stat. */
bool process_cgroup_is(FILE *cgroup, const char *group);
dev_t process_stat_terminal(FILE *stat);

#endif /* HVL_PROCESS_H */
