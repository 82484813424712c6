/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual PC's IVMVirtualMachine and IVMGuestOS for a machine of Hyper-V. */
#ifndef HVL_COM_MACHINE_H
#define HVL_COM_MACHINE_H

#include "object.h"
#include "userspace/host/libvmguestos/vmguestos.h"

/* @guest is taken over, also if memory is short. */
HRESULT machine_object_new(IVMGuestOS2 *guest, IHvMachine **out);
HRESULT guest_object_new(IVMGuestOS2 *guest, IHvGuestOS2 **out);

#endif /* HVL_COM_MACHINE_H */
