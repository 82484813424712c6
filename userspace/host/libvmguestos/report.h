/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a transport knows about a request. */
#ifndef VMG_REPORT_H
#define VMG_REPORT_H

#include "vmguestos.h"

struct report {
	VMLogoffState state;
	int64_t percent; /* of any value */
	uint32_t found, ended, failed;
	const char *text; /* NULL or "": no new one */
	bool complete;    /* with @error */
	HRESULT error;
};

#endif /* VMG_REPORT_H */
