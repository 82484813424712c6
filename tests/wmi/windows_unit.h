/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assertions for programs that run on Windows. */
#ifndef WINDOWS_UNIT_H
#define WINDOWS_UNIT_H

#include "tests/unit/unit.h"

/* HRESULTs are signed, and some are defined by constants that are not. */
#define assert_hresult(hr, expected) assert_int_equal((uint32_t)(hr), (uint32_t)(expected))

#endif /* WINDOWS_UNIT_H */
