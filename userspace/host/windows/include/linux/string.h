/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the messages of the logoff component need of the kernel's <linux/string.h>. */
#ifndef HVL_WINDOWS_STRING_H
#define HVL_WINDOWS_STRING_H

#include <string.h>

#endif /* HVL_WINDOWS_STRING_H */
