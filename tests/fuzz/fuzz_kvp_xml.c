// SPDX-License-Identifier: GPL-2.0-or-later
/* Items from WMI. What is accepted is formatted and parsed again, and must not change. */
#include "fuzz.h"

#include <errno.h>

#include "userspace/host/windows/kvp_xml.h"
#include "userspace/shared/util.h"

static void check_round_trip(const char *name, const char *data)
{
	_cleanup_free_ char *xml = kvp_xml_format(name, data);
	_cleanup_free_ char *name_again = NULL, *data_again = NULL;

	must(xml);
	must(kvp_xml_parse(xml, &name_again, &data_again) == 0);
	must(strcmp(name, name_again) == 0);
	must(strcmp(data, data_again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	_cleanup_free_ char *xml = text_copy(bytes, size);
	_cleanup_free_ char *name = NULL, *data = NULL;
	int ret = kvp_xml_parse(xml, &name, &data);

	must(ret == 0 || ret == -EBADMSG);
	must((ret == 0) == (name && data));
	if (ret == 0)
		check_round_trip(name, data);
	return 0;
}
