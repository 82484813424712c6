/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in UTF-8 on the console of Windows. */
#ifndef VMG_CONSOLE_WINDOWS_H
#define VMG_CONSOLE_WINDOWS_H

#include <stdbool.h>
#include <windows.h>

/* The console, if standard output or standard error is one; otherwise NULL. */
HANDLE console_handle(void);
/* Whether standard output is a console that knows escape sequences: Windows Server 2016 or newer.
 */
bool console_can_draw(void);

/* Waits until the console shows all that was written so far: to be called before it is read. */
void console_flush(void);

#endif /* VMG_CONSOLE_WINDOWS_H */
