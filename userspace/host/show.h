/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmlogoff writes: a bar on a terminal, lines elsewhere, or JSON. */
#ifndef VMG_SHOW_H
#define VMG_SHOW_H

#include "vmguestos.h"

enum show_how { SHOW_LINES, SHOW_BAR, SHOW_JSON };

/* How the task stands. */
void show_progress(enum show_how how, IVMTask2 *task);
/* The line is free for other words. */
void show_break(enum show_how how);
/* The last word; @task is NULL if there is none, or none that is waited for. */
void show_end(enum show_how how, const char *machine, HRESULT hr, const char *text, IVMTask2 *task);
/* A task that goes on without anyone who waits for it. */
void show_started(enum show_how how, const char *machine, IVMTask2 *task);
/* A machine and whether its users can be logged off. */
void show_machine(enum show_how how, const char *machine, HRESULT hr);

#endif /* VMG_SHOW_H */
