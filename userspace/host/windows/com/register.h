/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's entries in the registry, for all users of the computer. */
#ifndef HVL_REGISTER_H
#define HVL_REGISTER_H

#include <windows.h>

#include <oleauto.h>

#define SERVER_PROGID   L"HvLogoff.Application"
#define SERVER_PROGID_1 SERVER_PROGID L".1"

/* Loads the type library that is a resource of the DLL, and registers it with REGKIND_REGISTER. */
HRESULT server_load_types(REGKIND kind, ITypeLib **out);

/* Needs the rights of an administrator. After an error nothing remains registered. */
HRESULT server_register(void);
HRESULT server_unregister(void);

#endif /* HVL_REGISTER_H */
