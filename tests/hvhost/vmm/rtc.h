/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVHOST_RTC_H
#define HVHOST_RTC_H

#include <stdint.h>

struct rtc {
	uint8_t index;
};

void rtc_select(struct rtc *rtc, uint8_t index);
uint8_t rtc_read(const struct rtc *rtc);

#endif /* HVHOST_RTC_H */
