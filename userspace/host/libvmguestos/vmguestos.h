/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvmguestos: log off the users of a virtual machine from its host.
 *
 * Virtual PC's IVMGuestOS and IVMTask for C and C++: as in COM, every object starts with a pointer
 * to a table of functions. See libvmguestos(3).
 *
 *	IVMGuestOS *machine;
 *	IVMTask *task;
 *	HRESULT hr = VMGuestOS_Find("web1", &machine);
 *
 *	if (SUCCEEDED(hr))
 *		hr = IVMGuestOS_Logoff(machine, &task);
 *
 * Any thread may call any function at any time. An object is freed by the last Release(), a string
 * that a function returns in a char ** by VMGuestOS_Free(), or by free() except with vmguestos.dll.
 */
#ifndef VMGUESTOS_H
#define VMGUESTOS_H

#include <stdbool.h>
#include <stdint.h>
#ifdef _WIN32
#include <windows.h>

#include <olectl.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* On Windows, define VMGUESTOS_DLL to use vmguestos.dll. */
#if defined(_WIN32) && defined(VMGUESTOS_DLL)
#define VMGUESTOS_API __declspec(dllimport)
#elif defined(_WIN32)
#define VMGUESTOS_API
#endif

#ifndef _WIN32
#define VMGUESTOS_API __attribute__((visibility("default")))

/* What <windows.h> defines. HRESULT is the return type of most functions; negative is a failure. */
typedef int32_t HRESULT;

#define SUCCEEDED(hr) ((HRESULT)(hr) >= 0)
#define FAILED(hr)    ((HRESULT)(hr) < 0)

#define S_OK                    ((HRESULT)0x00000000)
#define E_NOTIMPL               ((HRESULT)0x80004001)
#define E_NOINTERFACE           ((HRESULT)0x80004002)
#define E_POINTER               ((HRESULT)0x80004003)
#define E_FAIL                  ((HRESULT)0x80004005)
#define DISP_E_EXCEPTION        ((HRESULT)0x80020009)
#define TYPE_E_AMBIGUOUSNAME    ((HRESULT)0x8002802c)
#define CONNECT_E_NOCONNECTION  ((HRESULT)0x80040200)
#define CONNECT_E_CANNOTCONNECT ((HRESULT)0x80040202)
#define E_ACCESSDENIED          ((HRESULT)0x80070005)
#define E_OUTOFMEMORY           ((HRESULT)0x8007000e)
#define E_INVALIDARG            ((HRESULT)0x80070057)

#define HRESULT_FROM_WIN32(error)   ((HRESULT)(0x80070000 | (error)))
#define ERROR_ACCESS_DENIED         0x0005
#define ERROR_BUSY                  0x00aa
#define ERROR_ALREADY_EXISTS        0x00b7
#define ERROR_NOT_FOUND             0x0490
#define ERROR_CANCELLED             0x04c7
#define ERROR_REVISION_MISMATCH     0x051a
#define ERROR_NO_SUCH_LOGON_SESSION 0x0520
#define ERROR_TIME_SKEW             0x0576
#define ERROR_TIMEOUT               0x05b4

/* The identifier of an interface. */
typedef struct IID {
	uint32_t Data1;
	uint16_t Data2;
	uint16_t Data3;
	uint8_t Data4[8];
} IID;

extern VMGUESTOS_API const IID IID_IUnknown; /* 00000000-0000-0000-c000-000000000046 */
#endif

#ifndef ERROR_ELEVATION_REQUIRED /* mingw-w64 does not define it */
#define ERROR_ELEVATION_REQUIRED 0x02e4
#endif

#define VM_E_TIMED_OUT                   ((HRESULT)0xa0040202)
#define VM_E_VM_NOT_RUNNING              ((HRESULT)0xa0040206)
#define VM_E_VM_UNKNOWN                  ((HRESULT)0xa0040207)
#define VM_E_ADDITIONS_FEATURE_NOT_AVAIL ((HRESULT)0xa0040505)

extern VMGUESTOS_API const IID IID_IVMGuestOS;  /* 99fea0db-4880-499a-b6d8-73dff9bc91be */
extern VMGUESTOS_API const IID IID_IVMTask;     /* ab72b222-6e9c-48ae-aa54-85e3e635767c */
extern VMGUESTOS_API const IID IID_IVMGuestOS2; /* d135ada4-7314-4f00-9843-0b76d662e85b */
extern VMGUESTOS_API const IID IID_IVMTask2;    /* 80efb3d1-f1a2-465a-8366-9296f3fa2feb */
/* 9d84f560-bb67-4961-bd12-a4da780c67e4 */
extern VMGUESTOS_API const IID DIID_IVMVirtualMachineEvents;
/* 4928d8ec-7803-40bd-9744-833097cfba79 */
extern VMGUESTOS_API const IID IID_IVMVirtualMachineEvents2;

typedef enum VMTaskResult {
	vmTaskResult_Success = 0,
	vmTaskResult_Cancelled = 1,
	vmTaskResult_UnexpectedError = 2,
	vmTaskResult_OutOfMemory = 3,
	vmTaskResult_DiskRelatedError = 4,
	vmTaskResult_IncompatibleSavedState = 5,
	vmTaskResult_TimeOut = 6,
	vmTaskResult_IllegalValue = 7,
	vmTaskResult_ThreadCrash = 8,
	vmTaskResult_ShutdownAbort = 9
} VMTaskResult;

/* The state of a logoff in the guest. */
typedef enum VMLogoffState {
	vmLogoffState_Pending = 0,   /* the guest's daemon has not received it yet */
	vmLogoffState_Delivered = 1, /* the daemon has received it */
	vmLogoffState_Grace = 2,     /* the users were notified, no session is being ended yet */
	vmLogoffState_Ending = 3,    /* sessions are being ended; it cannot be cancelled any more */
	vmLogoffState_Done = 4
} VMLogoffState;

#define VM_LOGOFF_FORCE             0x00000001u /* kill processes without signaling them first */
#define VM_LOGOFF_DRY_RUN           0x00000002u /* only report the sessions that would be ended */
#define VM_LOGOFF_VIA_VMBUS         0x00000004u /* only through the logoff component */
#define VM_LOGOFF_VIA_KVP           0x00000008u /* only through key-value pairs */
/* Both need hv-logoff 1.2 in the guest: also end the programs of lingering users; */
#define VM_LOGOFF_INCLUDE_LINGERING 0x00000010u
/* keep users from logging on until the logoff ends, which has no effect on a dry run. */
#define VM_LOGOFF_NO_LOGINS         0x00000020u
/* Only through a Hyper-V socket, or AF_VSOCK with other hypervisors. */
#define VM_LOGOFF_VIA_VSOCK         0x00000040u
#define VM_LOGOFF_TIMEOUT_DEFAULT   60 /* seconds; used by IVMGuestOS::Logoff */
#define VM_LOGOFF_TIMEOUT_MAX       86400
#define VM_LOGOFF_MESSAGE_MAX       1023 /* bytes, as the next two */
#define VM_LOGOFF_USER_MAX          255
#define VM_LOGOFF_SESSION_MAX       63

/* May grow at its end. Missing members of a shorter structure are treated as 0. */
typedef struct VMLogoffOptions {
	uint32_t size;       /* sizeof(VMLogoffOptions) */
	uint32_t flags;      /* VM_LOGOFF_... */
	uint32_t timeout;    /* seconds for the whole request, 1 to VM_LOGOFF_TIMEOUT_MAX */
	uint32_t grace;      /* the part of timeout before sessions are ended; less than it */
	const char *message; /* for the users, UTF-8; or NULL */
	const char *user;    /* only the sessions of that user; NULL: of all users */
	const char *session; /* only the session with that id in the guest; NULL: all */
} VMLogoffOptions;

/* Why a session ended. */
typedef enum VMLogoffType {
	vmLogoffType_Normal = 0,  /* the user logged out */
	vmLogoffType_Forced = 1,  /* someone in the guest ended it */
	vmLogoffType_External = 2 /* a logoff by the host ended it */
} VMLogoffType;

/*
 * The outcome of a logoff for one session, or from ManagerEnded on for one user. A later version
 * may add outcomes; ignore those that are not defined here.
 */
typedef enum VMSessionOutcome {
	vmSessionOutcome_Ended = 1,
	vmSessionOutcome_Failed = 2,          /* it did not end before the timeout */
	vmSessionOutcome_Selected = 3,        /* dry run: it would be ended */
	vmSessionOutcome_ManagerEnded = 4,    /* the user's manager and programs ended */
	vmSessionOutcome_ManagerFailed = 5,   /* some of them did not end before the timeout */
	vmSessionOutcome_ManagerSelected = 6, /* dry run: they would be ended */
	vmSessionOutcome_Returned = 7,        /* the user logged on again, and is logged on */
	vmSessionOutcome_Lingering = 8,       /* the user lingers: some programs still run */
	vmSessionOutcome_Outside = 9,         /* the user has processes outside any session */
	vmSessionOutcome_Untold = 10          /* the user could not be notified */
} VMSessionOutcome;

typedef struct VMSessionResult {
	/* Its id in the guest. "" in an outcome for a user, except in Returned: the new session. */
	const char *session;
	const char *user;
	uint32_t uid;
	VMSessionOutcome outcome;
} VMSessionResult;

/* The end of a user's session in the guest. */
typedef struct VMLogoffEvent {
	VMLogoffType type;
	uint32_t uid;
	const char *user;
	const char *session; /* its id in the guest */
	uint64_t task;       /* with vmLogoffType_External, the ID of the task that ended it */
	uint32_t lost;       /* the number of events lost before this one */
} VMLogoffEvent;

typedef struct IVMTask IVMTask;
typedef struct IVMTask2 IVMTask2;
typedef struct IVMGuestOS IVMGuestOS;
typedef struct IVMGuestOS2 IVMGuestOS2;
typedef struct IVMVirtualMachineEvents IVMVirtualMachineEvents;
typedef struct IVMVirtualMachineEvents2 IVMVirtualMachineEvents2;

/* A requested logoff. Its outcome is that of get_Error(), not that of other functions. */
typedef struct IVMTaskVtbl {
	HRESULT (*QueryInterface)(IVMTask *This, const IID *iid, void **out);
	uint32_t (*AddRef)(IVMTask *This);
	uint32_t (*Release)(IVMTask *This);
	HRESULT (*Cancel)(IVMTask *This);
	HRESULT (*WaitForCompletion)(IVMTask *This, int32_t milliseconds);
	HRESULT (*get_Description)(IVMTask *This, char **out);
	HRESULT (*get_Error)(IVMTask *This, HRESULT *out);
	HRESULT (*get_ErrorDescription)(IVMTask *This, char **out);
	HRESULT (*get_ID)(IVMTask *This, uint64_t *out);
	HRESULT (*get_IsCancelable)(IVMTask *This, bool *out);
	HRESULT (*get_IsComplete)(IVMTask *This, bool *out);
	HRESULT (*get_PercentCompleted)(IVMTask *This, int32_t *out);
	HRESULT (*get_Result)(IVMTask *This, VMTaskResult *out);
} IVMTaskVtbl;

struct IVMTask {
	const IVMTaskVtbl *lpVtbl;
};

/* IVMTask, extended by what Virtual PC's interface lacks. */
typedef struct IVMTask2Vtbl {
	HRESULT (*QueryInterface)(IVMTask2 *This, const IID *iid, void **out);
	uint32_t (*AddRef)(IVMTask2 *This);
	uint32_t (*Release)(IVMTask2 *This);
	HRESULT (*Cancel)(IVMTask2 *This);
	HRESULT (*WaitForCompletion)(IVMTask2 *This, int32_t milliseconds);
	HRESULT (*get_Description)(IVMTask2 *This, char **out);
	HRESULT (*get_Error)(IVMTask2 *This, HRESULT *out);
	HRESULT (*get_ErrorDescription)(IVMTask2 *This, char **out);
	HRESULT (*get_ID)(IVMTask2 *This, uint64_t *out);
	HRESULT (*get_IsCancelable)(IVMTask2 *This, bool *out);
	HRESULT (*get_IsComplete)(IVMTask2 *This, bool *out);
	HRESULT (*get_PercentCompleted)(IVMTask2 *This, int32_t *out);
	HRESULT (*get_Result)(IVMTask2 *This, VMTaskResult *out);
	HRESULT (*get_State)(IVMTask2 *This, VMLogoffState *out);
	HRESULT (*get_Sessions)(IVMTask2 *This, uint32_t *found, uint32_t *ended, uint32_t *failed);
	HRESULT (*get_StatusText)(IVMTask2 *This, char **out);
	/* For poll(); on Windows, LongToHandle() makes it the handle of an event. */
	HRESULT (*get_Descriptor)(IVMTask2 *This, int *out);
	/* A single free() releases the array and its strings. */
	HRESULT (*get_SessionResults)(IVMTask2 *This, VMSessionResult **out, uint32_t *count);
} IVMTask2Vtbl;

struct IVMTask2 {
	const IVMTask2Vtbl *lpVtbl;
};

/* Implemented by programs that receive events of a machine: see IVMGuestOS2::Advise(). */
typedef struct IVMVirtualMachineEventsVtbl {
	HRESULT (*QueryInterface)(IVMVirtualMachineEvents *This, const IID *iid, void **out);
	uint32_t (*AddRef)(IVMVirtualMachineEvents *This);
	uint32_t (*Release)(IVMVirtualMachineEvents *This);
	HRESULT (*OnGuestLogoff)(IVMVirtualMachineEvents *This, VMLogoffType type);
} IVMVirtualMachineEventsVtbl;

struct IVMVirtualMachineEvents {
	const IVMVirtualMachineEventsVtbl *lpVtbl;
};

/* IVMVirtualMachineEvents, extended by details. */
typedef struct IVMVirtualMachineEvents2Vtbl {
	HRESULT (*QueryInterface)(IVMVirtualMachineEvents2 *This, const IID *iid, void **out);
	uint32_t (*AddRef)(IVMVirtualMachineEvents2 *This);
	uint32_t (*Release)(IVMVirtualMachineEvents2 *This);
	HRESULT (*OnGuestLogoff)(IVMVirtualMachineEvents2 *This, VMLogoffType type);
	/* Called after each OnGuestLogoff(). */
	HRESULT (*OnSessionEnded)(IVMVirtualMachineEvents2 *This, const VMLogoffEvent *event);
	/* Called first, and after each change: whether the guest reports sessions that end. */
	HRESULT (*OnReporting)(IVMVirtualMachineEvents2 *This, bool reports);
	/* The last call. @reason is VM_E_VM_NOT_RUNNING after the machine has stopped. */
	HRESULT (*OnEnd)(IVMVirtualMachineEvents2 *This, HRESULT reason);
} IVMVirtualMachineEvents2Vtbl;

struct IVMVirtualMachineEvents2 {
	const IVMVirtualMachineEvents2Vtbl *lpVtbl;
};

/* The guest of a machine. */
typedef struct IVMGuestOSVtbl {
	HRESULT (*QueryInterface)(IVMGuestOS *This, const IID *iid, void **out);
	uint32_t (*AddRef)(IVMGuestOS *This);
	uint32_t (*Release)(IVMGuestOS *This);
	HRESULT (*Logoff)(IVMGuestOS *This, IVMTask **outLogoffTask);
} IVMGuestOSVtbl;

struct IVMGuestOS {
	const IVMGuestOSVtbl *lpVtbl;
};

/* IVMGuestOS, extended by what Virtual PC's interface lacks. */
typedef struct IVMGuestOS2Vtbl {
	HRESULT (*QueryInterface)(IVMGuestOS2 *This, const IID *iid, void **out);
	uint32_t (*AddRef)(IVMGuestOS2 *This);
	uint32_t (*Release)(IVMGuestOS2 *This);
	HRESULT (*Logoff)(IVMGuestOS2 *This, IVMTask **outLogoffTask);
	HRESULT (*CanLogoff)(IVMGuestOS2 *This);
	HRESULT (*LogoffWithOptions)(IVMGuestOS2 *This, const VMLogoffOptions *opts, IVMTask **out);
	/* Calls @events from a thread of the library until Unadvise(). */
	HRESULT (*Advise)(IVMGuestOS2 *This, IVMVirtualMachineEvents *events, uint32_t *outCookie);
	HRESULT (*Unadvise)(IVMGuestOS2 *This, uint32_t cookie);
	/* The machine's name; and its GUID in lower case, without braces, "" if it has none. */
	HRESULT (*get_Name)(IVMGuestOS2 *This, char **out);
	HRESULT (*get_Guid)(IVMGuestOS2 *This, char **out);
	/*
	 * Cancels the logoff with that ID, or with 0 the one in progress, of any program. E_FAIL:
	 * sessions are being ended. ERROR_NOT_FOUND: there is none.
	 */
	HRESULT (*CancelLogoff)(IVMGuestOS2 *This, uint64_t id);
} IVMGuestOS2Vtbl;

struct IVMGuestOS2 {
	const IVMGuestOS2Vtbl *lpVtbl;
};

#define VM_HOST_NAME_MAX 255 /* bytes */
#define VM_HOST_USER_MAX 511

/* A Hyper-V host; only the library for Windows reaches others than this computer. */
typedef struct VMHost {
	uint32_t size;        /* sizeof(VMHost); may grow at its end, as VMLogoffOptions does */
	const char *name;     /* UTF-8, or NULL: this computer */
	const char *user;     /* DOMAIN\\user or user@domain; NULL: the caller's own account */
	const char *password; /* of @user; or NULL */
} VMHost;

/*
 * Gets the machine of that name, or of that GUID, or returns VM_E_VM_UNKNOWN. On Linux, vsock:CID
 * is the guest of any hypervisor with that CID of AF_VSOCK.
 */
VMGUESTOS_API HRESULT VMGuestOS_Find(const char *name, IVMGuestOS **outGuestOS);
/* Gets the names of all machines, sorted and NULL-terminated. A single free() releases them. */
VMGUESTOS_API HRESULT VMGuestOS_Names(char ***outNames);
/* The same on a host; NULL is this computer. On Linux, another one is E_NOTIMPL. */
VMGUESTOS_API HRESULT VMGuestOS_FindOn(const VMHost *host, const char *name,
				       IVMGuestOS **outGuestOS);
VMGUESTOS_API HRESULT VMGuestOS_NamesOn(const VMHost *host, char ***outNames);
/* The transport that carries a logoff: VM_LOGOFF_VIA_..., or 0 for another kind of task. */
VMGUESTOS_API HRESULT VMGuestOS_TaskTransport(IVMTask *task, uint32_t *outVia);
/* The name of a code, such as "VM_E_TIMED_OUT", and its meaning, a sentence. Never NULL. */
VMGUESTOS_API const char *VMGuestOS_ErrorName(HRESULT hr);
VMGUESTOS_API const char *VMGuestOS_ErrorText(HRESULT hr);
/*
 * The host's error message for this thread's last call of a function that finds machines, of
 * Logoff(), LogoffWithOptions(), CanLogoff() or Advise(); "" if there is none. Valid until the next
 * of these calls.
 */
VMGUESTOS_API const char *VMGuestOS_LastErrorText(void);
/* free() of the library's C runtime, which may be another one than that of a program for Windows.
 */
VMGUESTOS_API void VMGuestOS_Free(void *memory);

/* Shorthand for object->lpVtbl->Method(object, ...), including the extended interfaces. */
#define VM_CALL(object, method)           ((object)->lpVtbl->method(object))
#define VM_CALL_WITH(object, method, ...) ((object)->lpVtbl->method((object), __VA_ARGS__))

#define IVMGuestOS_QueryInterface(This, iid, out) VM_CALL_WITH(This, QueryInterface, iid, out)
#define IVMGuestOS_AddRef(This)                   VM_CALL(This, AddRef)
#define IVMGuestOS_Release(This)                  VM_CALL(This, Release)
#define IVMGuestOS_Logoff(This, task)             VM_CALL_WITH(This, Logoff, task)

#define IVMGuestOS2_QueryInterface  IVMGuestOS_QueryInterface
#define IVMGuestOS2_AddRef          IVMGuestOS_AddRef
#define IVMGuestOS2_Release         IVMGuestOS_Release
#define IVMGuestOS2_Logoff          IVMGuestOS_Logoff
#define IVMGuestOS2_CanLogoff(This) VM_CALL(This, CanLogoff)
#define IVMGuestOS2_LogoffWithOptions(This, options, task)                                         \
	VM_CALL_WITH(This, LogoffWithOptions, options, task)
#define IVMGuestOS2_Advise(This, events, cookie) VM_CALL_WITH(This, Advise, events, cookie)
#define IVMGuestOS2_Unadvise(This, cookie)       VM_CALL_WITH(This, Unadvise, cookie)
#define IVMGuestOS2_get_Name(This, out)          VM_CALL_WITH(This, get_Name, out)
#define IVMGuestOS2_get_Guid(This, out)          VM_CALL_WITH(This, get_Guid, out)
#define IVMGuestOS2_CancelLogoff(This, id)       VM_CALL_WITH(This, CancelLogoff, id)

#define IVMTask_QueryInterface(This, iid, out)  VM_CALL_WITH(This, QueryInterface, iid, out)
#define IVMTask_AddRef(This)                    VM_CALL(This, AddRef)
#define IVMTask_Release(This)                   VM_CALL(This, Release)
#define IVMTask_Cancel(This)                    VM_CALL(This, Cancel)
#define IVMTask_WaitForCompletion(This, ms)     VM_CALL_WITH(This, WaitForCompletion, ms)
#define IVMTask_get_Description(This, out)      VM_CALL_WITH(This, get_Description, out)
#define IVMTask_get_Error(This, out)            VM_CALL_WITH(This, get_Error, out)
#define IVMTask_get_ErrorDescription(This, out) VM_CALL_WITH(This, get_ErrorDescription, out)
#define IVMTask_get_ID(This, out)               VM_CALL_WITH(This, get_ID, out)
#define IVMTask_get_IsCancelable(This, out)     VM_CALL_WITH(This, get_IsCancelable, out)
#define IVMTask_get_IsComplete(This, out)       VM_CALL_WITH(This, get_IsComplete, out)
#define IVMTask_get_PercentCompleted(This, out) VM_CALL_WITH(This, get_PercentCompleted, out)
#define IVMTask_get_Result(This, out)           VM_CALL_WITH(This, get_Result, out)

#define IVMTask2_QueryInterface       IVMTask_QueryInterface
#define IVMTask2_AddRef               IVMTask_AddRef
#define IVMTask2_Release              IVMTask_Release
#define IVMTask2_Cancel               IVMTask_Cancel
#define IVMTask2_WaitForCompletion    IVMTask_WaitForCompletion
#define IVMTask2_get_Description      IVMTask_get_Description
#define IVMTask2_get_Error            IVMTask_get_Error
#define IVMTask2_get_ErrorDescription IVMTask_get_ErrorDescription
#define IVMTask2_get_ID               IVMTask_get_ID
#define IVMTask2_get_IsCancelable     IVMTask_get_IsCancelable
#define IVMTask2_get_IsComplete       IVMTask_get_IsComplete
#define IVMTask2_get_PercentCompleted IVMTask_get_PercentCompleted
#define IVMTask2_get_Result           IVMTask_get_Result
#define IVMTask2_get_State(This, out) VM_CALL_WITH(This, get_State, out)
#define IVMTask2_get_Sessions(This, found, ended, failed)                                          \
	VM_CALL_WITH(This, get_Sessions, found, ended, failed)
#define IVMTask2_get_StatusText(This, out) VM_CALL_WITH(This, get_StatusText, out)
#define IVMTask2_get_Descriptor(This, out) VM_CALL_WITH(This, get_Descriptor, out)
#define IVMTask2_get_SessionResults(This, out, count)                                              \
	VM_CALL_WITH(This, get_SessionResults, out, count)

#ifdef __cplusplus
}
#endif

#endif /* VMGUESTOS_H */
