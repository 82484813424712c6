/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that the driver builds for.
 */
#ifndef HV_LOGOFF_COMPAT_H
#define HV_LOGOFF_COMPAT_H

#include <linux/hyperv.h>

/* int before 6.3, void since; a function of this type ends with return (HVL_REMOVE_TYPE)0 */
#define HVL_REMOVE_TYPE typeof(((struct hv_driver *)NULL)->remove(NULL))

/* A kernel without the limit, as 5.10, reads a packet where it lies. */
static inline void hvl_set_max_pkt_size(struct vmbus_channel *channel, u32 size)
{
#ifdef VMBUS_DEFAULT_MAX_PKT_SIZE
	channel->max_pkt_size = size;
#endif
}

#endif /* HV_LOGOFF_COMPAT_H */
