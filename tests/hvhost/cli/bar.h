/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The progress of a logoff: a bar on a terminal, otherwise a line for each change. */
#ifndef HVHOST_BAR_H
#define HVHOST_BAR_H

#include <jansson.h>

void bar_show(const json_t *progress);
void bar_end(void);

#endif /* HVHOST_BAR_H */
