/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual PC's IIDs. Those of IVMGuestOS and IVMTask are in vmguestos.h. */
#ifndef HVL_VIRTUAL_PC_H
#define HVL_VIRTUAL_PC_H

#include <windows.h>

/* IVMVirtualPC */
static const IID VIRTUAL_PC_HOST = {
	0x236ba0d9, 0xa24a, 0x4292, {0xa1, 0x32, 0x27, 0xc1, 0x42, 0x1d, 0xfd, 0x01}};
/* IVMVirtualMachine */
static const IID VIRTUAL_PC_MACHINE = {
	0xf7092aa1, 0x33ed, 0x4f78, {0xa5, 0x9f, 0xc0, 0x0a, 0xdf, 0xc2, 0xed, 0xd7}};
/* IVMVirtualMachineCollection */
static const IID VIRTUAL_PC_COLLECTION = {
	0x59f31786, 0x2a3d, 0x4fbf, {0x98, 0x96, 0xd8, 0x53, 0x38, 0xca, 0x0d, 0xa1}};

#endif /* HVL_VIRTUAL_PC_H */
