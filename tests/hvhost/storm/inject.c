// SPDX-License-Identifier: GPL-2.0-or-later
#include "inject.h"

#include <errno.h>
#include <string.h>

#include "tests/hvhost/ic/ic.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define HEADER_SIZE ((uint32_t)sizeof(struct ring_packet))
#define SIZE_MAX_8  (UINT16_MAX * 8U) /* the largest size that a descriptor can hold */

static int digit(char character)
{
	const char digits[] = "0123456789abcdef";
	const char *found = character ? strchr(digits, character | 0x20) : NULL;

	return found && *found ? (int)(found - digits) : -1;
}

/*
 * The bytes of @hex, with zeros up to @length, which is increased if @hex is
 * longer. NULL if @hex is not hexadecimal, or out of memory.
 */
static uint8_t *payload(const char *hex, size_t *length)
{
	size_t count = strlen(hex) / 2;
	uint8_t *data;

	if (strlen(hex) % 2)
		return NULL;
	if (*length < count)
		*length = count;
	data = calloc(1, *length + 1);
	for (size_t i = 0; data && i < count; i++) {
		int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			free(data);
			return NULL;
		}
		data[i] = (uint8_t)(high << 4 | low);
	}
	return data;
}

static const char *put(struct channel *channel, const uint8_t *data, size_t length, uint32_t size)
{
	const struct ring_packet header = {
		.type = VM_PKT_DATA_INBAND,
		.offset8 = HEADER_SIZE / 8,
		.length8 = (uint16_t)(size / 8),
	};

	if (channel->state != CHANNEL_OPEN)
		return "The guest has not opened that component's channel.";
	if (channel_put(channel, &header, data, length) < 0)
		return "The ring has no space for that many bytes. To only claim a larger size, "
		       "use --size.";
	return NULL;
}

void inject_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const char *component = "", *hex = "", *error;
	json_int_t length = 0, size = 0;
	struct ic *ic;
	_cleanup_free_ uint8_t *data = NULL;
	size_t bytes;

	json_unpack((json_t *)request, "{s?s, s?s, s?I, s?I}", "component", &component, "data",
		    &hex, "length", &length, "size", &size);
	ic = ic_by_name(vm, component);
	bytes = length < 0 || length > (json_int_t)SIZE_MAX_8 ? 0 : (size_t)length;
	data = payload(hex, &bytes);
	if (!size)
		size = (json_int_t)(HEADER_SIZE + (bytes + 7) / 8 * 8);
	if (!ic)
		error = "\"component\" must be shutdown, heartbeat, timesync, kvp or logoff.";
	else if (!data)
		error = "\"data\" must be bytes of two hexadecimal digits each.";
	else if (length < 0 || size < 0 || size > (json_int_t)SIZE_MAX_8)
		error = "\"length\" and \"size\" must be 0 to 524280 bytes.";
	else
		error = put(&ic->channel, data, bytes, (uint32_t)size);
	if (error)
		control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG, error);
	else
		control_ok(&vm->control, client);
}
