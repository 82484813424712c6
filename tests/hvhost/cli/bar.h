/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a logoff is: a bar on a terminal, a line for each change elsewhere. */
#ifndef HVHOST_BAR_H
#define HVHOST_BAR_H

#include <jansson.h>

void bar_show(const json_t *progress);
void bar_end(void);

#endif /* HVHOST_BAR_H */
