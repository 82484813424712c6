/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log messages for the administrator, on standard error. */
#ifndef HVL_LOG_H
#define HVL_LOG_H

#include <syslog.h>

void log_message(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* HVL_LOG_H */
