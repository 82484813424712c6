/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the configure step of jansson finds in mingw-w64; its own sources include it. */
#ifndef HVL_WINDOWS_JANSSON_PRIVATE_CONFIG_H
#define HVL_WINDOWS_JANSSON_PRIVATE_CONFIG_H

#define HAVE_STDINT_H           1
#define HAVE_UNISTD_H           1
#define HAVE_LOCALE_H           1
#define HAVE_LOCALECONV         1
#define HAVE_ATOMIC_BUILTINS    1
#define INITIAL_HASHTABLE_ORDER 3
/* The random numbers of Windows. */
#define USE_WINDOWS_CRYPTOAPI   1

#endif /* HVL_WINDOWS_JANSSON_PRIVATE_CONFIG_H */
