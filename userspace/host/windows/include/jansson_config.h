/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the configure step of jansson finds in mingw-w64; <jansson.h> includes it. */
#ifndef HVL_WINDOWS_JANSSON_CONFIG_H
#define HVL_WINDOWS_JANSSON_CONFIG_H

#define JSON_INLINE               inline
#define JSON_INTEGER_IS_LONG_LONG 1
#define JSON_HAVE_LOCALECONV      1
#define JSON_HAVE_ATOMIC_BUILTINS 1
#define JSON_HAVE_SYNC_BUILTINS   1
#define JSON_PARSER_MAX_DEPTH     2048

#endif /* HVL_WINDOWS_JANSSON_CONFIG_H */
