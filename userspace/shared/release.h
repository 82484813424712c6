/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The version of this release. make check compares it with the manual pages and the manifest of the
 * PowerShell module. The versions of messages and of the device are others: see driver/uapi.
 */
#ifndef HVL_RELEASE_H
#define HVL_RELEASE_H

#define RELEASE "1.2.0"

#endif /* HVL_RELEASE_H */
