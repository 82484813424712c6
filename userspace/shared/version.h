/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVL_VERSION_H
#define HVL_VERSION_H

/* Of the whole release. The Makefile reads it, too. */
#define HVL_VERSION "1.2.0"

#endif /* HVL_VERSION_H */
