/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a daemon writes to the char device, checked before anything else looks
 * at it.
 *
 * Compiled into the driver and the fuzzers: allocates nothing and knows nothing
 * of what state the component is in. See docs/uapi.md.
 */
#ifndef HV_LOGOFF_RECORD_H
#define HV_LOGOFF_RECORD_H

#include <linux/hv_logoff.h>
#include <linux/types.h>

/* What write() takes from the daemon. */
union hvl_written {
	struct hv_logoff_header header;
	struct hv_logoff_hello hello;
	struct hv_logoff_report report;
	struct hv_logoff_session session;
};

int hvl_record_check(const union hvl_written *record, size_t count);

#endif /* HV_LOGOFF_RECORD_H */
