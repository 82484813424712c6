/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classes of root\virtualization\v2, and of the cluster, that the stand-in has. */
#ifndef CLASS_H
#define CLASS_H

#include "object.h"

#define DATA_ITEM L"Msvm_KvpExchangeDataItem"

/* A host that @reboots is Windows Server 2016 or later. Returns NULL for a class that is not known.
 */
IWbemClassObject *class_new(const WCHAR *name, bool reboots);

#endif /* CLASS_H */
