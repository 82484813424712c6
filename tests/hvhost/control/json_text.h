/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVHOST_JSON_TEXT_H
#define HVHOST_JSON_TEXT_H

#include <jansson.h>

/* A JSON string of any bytes: each byte that is not valid UTF-8 becomes U+FFFD. */
json_t *text_to_json(const char *data, size_t length);

#endif /* HVHOST_JSON_TEXT_H */
