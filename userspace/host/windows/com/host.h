/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The object of the ProgID: Virtual PC's IVMVirtualPC. */
#ifndef HVL_HOST_H
#define HVL_HOST_H

#include "object.h"

/* NULL if memory is short. */
IUnknown *host_new(void);

#endif /* HVL_HOST_H */
