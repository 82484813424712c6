/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVICES_H
#define SERVICES_H

#include "table.h"

/* The services of root\virtualization\v2. */
IWbemServices *services_new(void);

#endif /* SERVICES_H */
