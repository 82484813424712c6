/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * WMI: a connection to a namespace of this or another computer.
 *
 * Each call ends within the caller's bound, or soon after its event is set, whatever the other
 * computer does: calls are made semisynchronously by a thread of the connection. If that thread
 * does not come back from a call, the connection is lost: later calls fail with
 * RPC_E_DISCONNECTED, and the thread ends when the call does.
 *
 * One caller may use a connection at a time, from any thread. Text is UTF-8. A string or an array
 * that a function returns is freed by free() or wmi_strings_free(), an object by Release().
 */
#ifndef HVL_WMI_H
#define HVL_WMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windows.h>

#include <wbemcli.h>

/* The bound was reached. */
#define WMI_E_TIMEOUT   HRESULT_FROM_WIN32(ERROR_TIMEOUT)
/* The caller's event was set. */
#define WMI_E_CANCELLED HRESULT_FROM_WIN32(ERROR_CANCELLED)

struct wmi;

struct wmi_target {
	const char *host;     /* NULL, "" or "." for this computer */
	const char *space;    /* the namespace, for instance root\cimv2 */
	const char *user;     /* DOMAIN\user or user@domain; NULL for the caller's own account */
	const char *password; /* of @user; copied, and overwritten when the connection is freed */
};

/* Whether a host's name, which may be NULL, is one of this computer. */
bool wmi_is_this_computer(const char *host);

struct wmi_wait {
	DWORD ms;      /* the bound of one call, at most INT32_MAX */
	HANDLE cancel; /* an event that ends the call, or NULL */
	ULONGLONG end; /* the bound of all calls, by GetTickCount64(); 0 if there is none */
};

/* For tests: the port and the bound of the probe of another computer. */
extern unsigned short wmi_probe_port;
extern DWORD wmi_probe_ms;

/*
 * S_OK, or among others: PROBE_E_NAME, PROBE_E_NO_ANSWER, PROBE_E_REFUSED, E_ACCESSDENIED from
 * DCOM, WBEM_E_ACCESS_DENIED from the namespace, WBEM_E_INVALID_NAMESPACE,
 * WBEM_E_LOCAL_CREDENTIALS without a call if @target has a user but is this computer.
 */
HRESULT wmi_connect(struct wmi **wmi, const struct wmi_target *target, const struct wmi_wait *wait);
void wmi_free(struct wmi *wmi);

struct wmi_objects {
	IWbemClassObject **items;
	size_t count;
};

void wmi_objects_free(struct wmi_objects *objects);
#define _cleanup_objects_ _cleanup_(wmi_objects_free)

/* An instance or a class by its path. WBEM_E_NOT_FOUND if there is none. */
HRESULT wmi_get(struct wmi *wmi, const char *path, const struct wmi_wait *wait,
		IWbemClassObject **object);

/* All objects that a WQL query returns. WBEM_E_QUOTA_VIOLATION if these are more than 65536. */
HRESULT wmi_query(struct wmi *wmi, const char *wql, const struct wmi_wait *wait,
		  struct wmi_objects *objects);

/* The objects of @class that are associated with the object at @path. */
HRESULT wmi_associators(struct wmi *wmi, const char *path, const char *class,
			const struct wmi_wait *wait, struct wmi_objects *objects);

/* An object for the in-parameters of a method; NULL if the method has none. */
HRESULT wmi_method(struct wmi *wmi, const char *class, const char *method,
		   const struct wmi_wait *wait, IWbemClassObject **in);

/* Calls a method of the object at @path. *@out has its out-parameters and ReturnValue. */
HRESULT wmi_exec(struct wmi *wmi, const char *path, const char *method, IWbemClassObject *in,
		 const struct wmi_wait *wait, IWbemClassObject **out);

/* The state of a CIM_ConcreteJob, and its error if it failed. */
struct wmi_job {
	uint32_t state; /* 7: completed */
	uint32_t error; /* ErrorCode */
	char *text;     /* ErrorDescription, or NULL */
};

/*
 * Waits until the job at @path has ended, at most @wait->ms altogether. S_OK whether it succeeded
 * or not: see wmi_job_succeeded().
 */
HRESULT wmi_wait_for_job(struct wmi *wmi, const char *path, const struct wmi_wait *wait,
			 struct wmi_job *job);
bool wmi_job_succeeded(const struct wmi_job *job);

/*
 * Properties, by name. An absent value is WBEM_E_NOT_FOUND, one of another type
 * WBEM_E_TYPE_MISMATCH.
 */
HRESULT wmi_get_string(IWbemClassObject *object, const WCHAR *name, char **text);
HRESULT wmi_get_number(IWbemClassObject *object, const WCHAR *name, uint32_t *number);
/* The first number of an array. */
HRESULT wmi_get_first_number(IWbemClassObject *object, const WCHAR *name, uint32_t *number);
/* An absent array has no elements. */
HRESULT wmi_get_strings(IWbemClassObject *object, const WCHAR *name, char ***texts, size_t *count);
HRESULT wmi_put_string(IWbemClassObject *object, const WCHAR *name, const char *text);
HRESULT wmi_put_number(IWbemClassObject *object, const WCHAR *name, uint32_t number);
HRESULT wmi_put_flag(IWbemClassObject *object, const WCHAR *name, bool flag);
HRESULT wmi_put_strings(IWbemClassObject *object, const WCHAR *name, const char *const *texts,
			size_t count);
void wmi_strings_free(char **texts, size_t count);

#endif /* HVL_WMI_H */
