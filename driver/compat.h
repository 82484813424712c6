/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Support for kernels back to 5.10. It tests for features and not for versions, because
 * distributions backport features without changing the version.
 *
 * The top-level Kbuild includes this file before each source file, so it includes nothing itself.
 * It is not part of the driver in a kernel tree.
 */
#ifndef HV_LOGOFF_COMPAT_H
#define HV_LOGOFF_COMPAT_H

/* A kernel that has the driver defines this in linux/hyperv.h, in the same way. */
#define HV_LOGOFF_GUID \
	.guid = GUID_INIT(0x99fea0db, 0x4880, 0x499a, 0xb6, 0xd8, \
			  0x73, 0xdf, 0xf9, 0xbc, 0x91, 0xbe)

/*
 * hv_driver.remove returned int before 6.3. hvl_remove() becomes a function with the return type
 * that the kernel expects, which calls the driver's.
 */
#define HVL_REMOVE_TYPE typeof(((struct hv_driver *)NULL)->remove(NULL))
#define HVL_DEFINE_REMOVE(name)					\
	name##_void(struct hv_device *device);			\
	static HVL_REMOVE_TYPE name(struct hv_device *device)	\
	{							\
		name##_void(device);				\
		return (HVL_REMOVE_TYPE)0;			\
	}							\
	static void name##_void
#define hvl_remove(...) HVL_DEFINE_REMOVE(hvl_remove)(__VA_ARGS__)

#endif /* HV_LOGOFF_COMPAT_H */
