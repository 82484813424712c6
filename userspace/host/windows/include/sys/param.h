/* SPDX-License-Identifier: GPL-2.0-or-later */
/* glibc's <sys/param.h> has these, mingw-w64's does not. */
#ifndef HVL_WINDOWS_PARAM_H
#define HVL_WINDOWS_PARAM_H

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif /* HVL_WINDOWS_PARAM_H */
