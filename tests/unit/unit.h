/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmocka with the headers that it requires, and a shorthand. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "userspace/shared/util.h"

/* A test with the setup() and teardown() of its file. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* UNIT_H */
