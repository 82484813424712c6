/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_IID_H
#define VMG_IID_H

#include "vmguestos.h"

bool vmg_iid_is(const IID *iid, const IID *wanted);

#endif /* VMG_IID_H */
