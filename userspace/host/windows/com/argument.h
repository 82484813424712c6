/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Optional arguments. */
#ifndef HVL_ARGUMENT_H
#define HVL_ARGUMENT_H

#include <windows.h>

#include <oleauto.h>

/*
 * The text of an argument, for free(); NULL if it was omitted, or is Null. Empty is "". DISP_E_…
 * for a value that is no text.
 */
HRESULT argument_text(VARIANT *argument, char **out);

#endif /* HVL_ARGUMENT_H */
