/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instances as text in CIM-XML (DTD 2.0), as methods take and properties contain them. */
#ifndef TEXT_H
#define TEXT_H

#include "table.h"

/* The text of an instance whose properties are texts and 16-bit numbers, for SysFreeString(). */
BSTR instance_text(IWbemClassObject *instance);

/* IWbemObjectTextSrc, which Wine does not have. */
extern IWbemObjectTextSrc text_source;

#endif /* TEXT_H */
