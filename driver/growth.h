/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sizes of messages and records, which can grow since version 1.2.
 *
 * This is also compiled outside the kernel, by tests, hosts and daemons.
 */
#ifndef HV_LOGOFF_GROWTH_H
#define HV_LOGOFF_GROWTH_H

#include <linux/types.h>

/**
 * struct hvl_size - the sizes of one type of message or record, in bytes
 * @first: in the version that introduced it; 0 if there is no such type
 * @known: the size of the structure that is used here
 */
struct hvl_size {
	__u16 first;
	__u16 known;
};

/**
 * hvl_size_accepts() - check the size of a message or record
 * @size: the sizes of its type
 * @data: the message or record
 * @count: its bytes
 * @grows: version 1.2 or later is used
 *
 * Return: whether @count is valid, and the bytes that are not known here are zero. If
 * @count is less than @size->known, the caller must read the rest as zeros.
 */
static inline bool hvl_size_accepts(const struct hvl_size *size, const void *data,
				    size_t count, bool grows)
{
	const __u8 *bytes = data;
	size_t i;

	if (!size->first || count < size->first || (!grows && count != size->first))
		return false;
	for (i = size->known; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

#endif /* HV_LOGOFF_GROWTH_H */
