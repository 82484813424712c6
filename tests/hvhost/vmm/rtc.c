// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The time registers of an MC146818 RTC. Without the device its registers read
 * as 0xff, and Linux polls the update-in-progress bit for seconds.
 */
#include "rtc.h"

#include <time.h>

void rtc_select(struct rtc *rtc, uint8_t index)
{
	rtc->index = index & 0x7f;
}

static uint8_t bcd(int value)
{
	return (uint8_t)(value / 10 << 4 | value % 10);
}

uint8_t rtc_read(const struct rtc *rtc)
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	switch (rtc->index) {
	case 0x00:
		return bcd(utc.tm_sec);
	case 0x02:
		return bcd(utc.tm_min);
	case 0x04:
		return bcd(utc.tm_hour);
	case 0x06:
		return bcd(utc.tm_wday + 1);
	case 0x07:
		return bcd(utc.tm_mday);
	case 0x08:
		return bcd(utc.tm_mon + 1);
	case 0x09:
		return bcd(utc.tm_year % 100);
	case 0x32:
		return bcd(19 + utc.tm_year / 100);
	case 0x0a: /* 32,768 Hz, no update in progress */
		return 0x26;
	case 0x0b: /* 24 hours, BCD */
		return 0x02;
	case 0x0d: /* valid RAM and time */
		return 0x80;
	default:
		return 0;
	}
}
