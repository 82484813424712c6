/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Check the records that a daemon writes to the char device, before they are
 * used.
 *
 * This is also compiled outside the kernel, by fuzzers, so it allocates nothing
 * and does not depend on the state of the component.
 */
#ifndef HV_LOGOFF_RECORD_H
#define HV_LOGOFF_RECORD_H

#include <linux/hv_logoff.h>
#include <linux/types.h>

/* The records that write() accepts. */
union hvl_written {
	struct hv_logoff_header header;
	struct hv_logoff_hello hello;
	struct hv_logoff_report report;
	struct hv_logoff_session session;
};

int hvl_record_check(const union hvl_written *record, size_t count, __u32 version);

#endif /* HV_LOGOFF_RECORD_H */
