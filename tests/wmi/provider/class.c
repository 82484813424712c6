// SPDX-License-Identifier: GPL-2.0-or-later
#include "class.h"

#include <wchar.h>

#define KVP_PARAMETERS                                                                             \
	{                                                                                          \
		{L"TargetSystem", CIM_REFERENCE},                                                  \
		{                                                                                  \
			L"DataItems", CIM_STRING | CIM_FLAG_ARRAY                                  \
		}                                                                                  \
	}
static const struct method vmms_methods[] = {
	{L"AddKvpItems", KVP_PARAMETERS},
	{L"ModifyKvpItems", KVP_PARAMETERS},
	{L"RemoveKvpItems", KVP_PARAMETERS},
	{},
};

#define SHUTDOWN_PARAMETERS                                                                        \
	{                                                                                          \
		{L"Force", CIM_BOOLEAN},                                                           \
		{                                                                                  \
			L"Reason", CIM_STRING                                                      \
		}                                                                                  \
	}
/* Microsoft's page on InitiateReboot: "Minimum supported server: Windows Server 2016". */
static const struct method shutdown_methods[] = {
	{L"InitiateShutdown", SHUTDOWN_PARAMETERS},
	{L"InitiateReboot", SHUTDOWN_PARAMETERS},
	{},
};
static const struct method old_shutdown_methods[] = {
	{L"InitiateShutdown", SHUTDOWN_PARAMETERS},
	{},
};

static const struct {
	const WCHAR *name;
	const struct method *methods;
} classes[] = {
	{L"MSCluster_ResourceGroup", NULL},
	{L"Msvm_ComputerSystem", NULL},
	{L"Msvm_ConcreteJob", NULL},
	{L"Msvm_HeartbeatComponent", NULL},
	{L"Msvm_KvpExchangeComponent", NULL},
	{L"Msvm_KvpExchangeComponentSettingData", NULL},
	{DATA_ITEM, NULL},
	{L"Msvm_ShutdownComponent", shutdown_methods},
	{L"Msvm_VirtualSystemManagementService", vmms_methods},
	{L"Msvm_VirtualSystemSettingData", NULL},
};

/* In the order of its text. */
static void declare_item(IWbemClassObject *class)
{
	object_declare(class, L"Caption", CIM_STRING);
	object_declare(class, L"Data", CIM_STRING);
	object_declare(class, L"Description", CIM_STRING);
	object_declare(class, L"ElementName", CIM_STRING);
	object_declare(class, L"Name", CIM_STRING);
	object_declare(class, L"Source", CIM_UINT16);
}

IWbemClassObject *class_new(const WCHAR *name, bool reboots)
{
	for (size_t index = 0; index < ARRAY_SIZE(classes); index++) {
		const struct method *methods = classes[index].methods;
		IWbemClassObject *class;

		if (_wcsicmp(name, classes[index].name) != 0)
			continue;
		if (methods == shutdown_methods && !reboots)
			methods = old_shutdown_methods;
		class = object_new(classes[index].name, methods);
		if (wcscmp(classes[index].name, DATA_ITEM) == 0)
			declare_item(class);
		return class;
	}
	return NULL;
}
