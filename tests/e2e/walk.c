// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk VM [vsock|kvp]: triggers each HRESULT that libvmguestos can return over VMBus, with vsock
 * over a Hyper-V socket, or with kvp over key-value pairs, and prints it with its name and text. VM
 * must be running, with no user logged on. Uses only the public header; builds as C and as C++.
 * $HVHOST is the path of hvhost.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmguestos.h>

#define BOUND_MS 300000

#define HOST(command)  "\"$HVHOST\" " command " >/dev/null"
#define GUEST(command) HOST("exec \"$VM\" -- '" command "'")
#define CONFIGURE(line)                                                                            \
	GUEST("printf \"[Logoff]\\n" line "\\n\" >/etc/hv-logoff/hv-logoffd.conf;"                 \
	      "systemctl restart hv-logoffd")

static IVMGuestOS2 *guest;
static uint32_t transport; /* VM_LOGOFF_VIA_... */
static int failed;

static void expect(const char *what, HRESULT hr, HRESULT wanted)
{
	printf("%-46s 0x%08x %s: %s\n", what, (unsigned int)hr, VMGuestOS_ErrorName(hr),
	       VMGuestOS_ErrorText(hr));
	if (hr != wanted) {
		printf("  expected 0x%08x %s\n", (unsigned int)wanted, VMGuestOS_ErrorName(wanted));
		failed++;
	}
	fflush(stdout);
}

static void expect_number(const char *what, uint64_t number, uint64_t wanted)
{
	printf("%-46s %llu\n", what, (unsigned long long)number);
	if (number != wanted) {
		printf("  expected %llu\n", (unsigned long long)wanted);
		failed++;
	}
}

/* Runs a shell command, which must succeed. */
static void run(const char *command)
{
	if (system(command) == 0)
		return;
	printf("  failed: %s\n", command);
	exit(1);
}

static HRESULT try_logoff(IVMGuestOS *machine)
{
	IVMTask *task;
	HRESULT hr = IVMGuestOS_Logoff(machine, &task);

	if (SUCCEEDED(hr))
		IVMTask_Release(task);
	return hr;
}

static VMLogoffOptions options_of(uint32_t timeout, uint32_t flags)
{
	VMLogoffOptions options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.timeout = timeout;
	options.flags = flags | transport;
	return options;
}

static HRESULT try_options(const VMLogoffOptions *options)
{
	IVMTask *task;
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, &task);

	if (SUCCEEDED(hr))
		IVMTask_Release(task);
	return hr;
}

static IVMTask2 *start_with(const VMLogoffOptions *options)
{
	IVMTask *task;
	void *extended;
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, &task);

	if (FAILED(hr) || FAILED(IVMTask_QueryInterface(task, &IID_IVMTask2, &extended))) {
		printf("  no logoff was started: %s %s\n", VMGuestOS_ErrorName(hr),
		       VMGuestOS_LastErrorText());
		exit(1);
	}
	IVMTask_Release(task);
	return (IVMTask2 *)extended;
}

static IVMTask2 *start(uint32_t timeout, uint32_t grace, uint32_t flags)
{
	VMLogoffOptions options = options_of(timeout, flags);

	options.grace = grace;
	options.message = "You are being logged off.";
	return start_with(&options);
}

/* Returns in the grace period: the users were notified, and no session has been ended. */
static IVMTask2 *start_in_grace(void)
{
	IVMTask2 *task = start(1000, 900, 0);
	VMLogoffState state = vmLogoffState_Pending;
	struct pollfd descriptor;

	descriptor.events = POLLIN;
	IVMTask2_get_Descriptor(task, &descriptor.fd);
	while (state < vmLogoffState_Grace && poll(&descriptor, 1, BOUND_MS) == 1)
		IVMTask2_get_State(task, &state);
	if (state != vmLogoffState_Grace) {
		puts("  the task did not reach the grace period");
		exit(1);
	}
	return task;
}

/* Waits for the task's error, and releases the task. */
static HRESULT end_of(IVMTask2 *task)
{
	HRESULT error = S_OK;
	bool complete = false;
	char *text = NULL;

	IVMTask2_WaitForCompletion(task, BOUND_MS);
	IVMTask2_get_IsComplete(task, &complete);
	IVMTask2_get_Error(task, &error);
	IVMTask2_get_ErrorDescription(task, &text);
	printf("  %s\n", !complete ? "The task is not complete." : *text ? text : "-");
	free(text);
	IVMTask2_Release(task);
	if (!complete)
		exit(1);
	return error;
}

static void wait_until_available(void)
{
	VMLogoffOptions options = options_of(60, VM_LOGOFF_DRY_RUN);
	HRESULT hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	IVMTask *task = NULL;

	for (int i = 0; hr == VM_E_ADDITIONS_FEATURE_NOT_AVAIL && i < BOUND_MS / 100; i++) {
		usleep(100000);
		hr = IVMGuestOS2_LogoffWithOptions(guest, &options, &task);
	}
	expect("Logoff: with the guest's daemon", hr, S_OK);
	if (SUCCEEDED(hr)) {
		IVMTask_WaitForCompletion(task, BOUND_MS);
		IVMTask_Release(task);
	}
}

static void walk_machines(const char *name)
{
	IVMGuestOS *machine;
	void *other;

	expect("Find: no such machine", VMGuestOS_Find("no-such-machine", &machine),
	       VM_E_VM_UNKNOWN);
	expect("Find: NULL", VMGuestOS_Find(name, NULL), E_POINTER);
	expect("Find", VMGuestOS_Find(name, &machine), S_OK);
	expect("QueryInterface: of a task",
	       IVMGuestOS_QueryInterface(machine, &IID_IVMTask, &other), E_NOINTERFACE);
	expect("QueryInterface", IVMGuestOS_QueryInterface(machine, &IID_IVMGuestOS2, &other),
	       S_OK);
	IVMGuestOS_Release(machine);
	guest = (IVMGuestOS2 *)other;
	expect("Logoff: NULL", IVMGuestOS2_Logoff(guest, NULL), E_POINTER);

	run("mkdir -p \"$HVHOST_DIR/stopped\"");
	expect("Find: a stopped machine", VMGuestOS_Find("stopped", &machine), S_OK);
	expect("Logoff: a stopped machine", try_logoff(machine), VM_E_VM_NOT_RUNNING);
	IVMGuestOS_Release(machine);
	run("rmdir \"$HVHOST_DIR/stopped\"");
}

/* root always has the permission, so a child without privileges makes the request. */
static HRESULT logoff_unprivileged(const char *name)
{
	IVMGuestOS *machine;
	pid_t child;
	int status = 0;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		HRESULT hr = getuid() == 0 && setuid(65534) < 0 ? E_FAIL : S_OK;

		if (hr == S_OK)
			hr = VMGuestOS_Find(name, &machine);
		if (hr == S_OK)
			hr = try_logoff(machine);
		_exit(hr == E_ACCESSDENIED ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return status == 0 ? E_ACCESSDENIED : E_FAIL;
}

static void walk_permission(const char *name)
{
	run("chmod 711 \"$HVHOST_DIR\"");
	expect("Logoff: unprivileged", logoff_unprivileged(name), E_ACCESSDENIED);
	run("chmod 700 \"$HVHOST_DIR\"");
	/* hvhost.log is written asynchronously. */
	run("timeout 300 sh -c 'until grep -q \"denied: logoff by user 65534\" "
	    "\"$HVHOST_DIR/$VM/hvhost.log\"; do sleep 0.2; done'");
}

static void walk_options(void)
{
	VMLogoffOptions options = options_of(0, 0);

	expect("LogoffWithOptions: timeout 0", try_options(&options), E_INVALIDARG);
	options = options_of(60, 0);
	options.user = "";
	expect("LogoffWithOptions: empty user name", try_options(&options), E_INVALIDARG);
	options.user = NULL;
	options.flags = VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP;
	expect("LogoffWithOptions: two transports", try_options(&options), E_INVALIDARG);
	expect("LogoffWithOptions: NULL", try_options(NULL), E_POINTER);
}

static void walk_success(void)
{
	expect("Error: nobody is logged on", end_of(start(120, 0, 0)),
	       HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION));
	run(GUEST("open-session pam alice"));
	expect("Error: alice is logged on", end_of(start(120, 0, 0)), S_OK);
}

static void walk_cancel(void)
{
	IVMTask2 *task;

	run(GUEST("open-session pam alice"));
	task = start_in_grace();
	expect("WaitForCompletion: -2", IVMTask2_WaitForCompletion(task, -2), E_INVALIDARG);
	expect("WaitForCompletion: elapsed", IVMTask2_WaitForCompletion(task, 1), S_OK);
	expect("get_Error: NULL", IVMTask2_get_Error(task, NULL), E_POINTER);
	expect("Error: a second logoff", end_of(start(120, 0, 0)), HRESULT_FROM_WIN32(ERROR_BUSY));
	expect("Cancel", IVMTask2_Cancel(task), S_OK);
	IVMTask2_WaitForCompletion(task, BOUND_MS);
	expect("Cancel: a completed task", IVMTask2_Cancel(task), E_FAIL);
	expect("Error: cancelled", end_of(task), HRESULT_FROM_WIN32(ERROR_CANCELLED));
}

/* Logs off @user and @session; checks the error and the number of sessions found. */
static void walk_selection(const char *what, const char *user, const char *session, uint32_t flags,
			   HRESULT wanted, uint32_t wanted_count)
{
	VMLogoffOptions options = options_of(120, flags);
	uint32_t found, ended, failures;
	IVMTask2 *task;

	options.user = user;
	options.session = session;
	task = start_with(&options);
	IVMTask2_WaitForCompletion(task, BOUND_MS);
	IVMTask2_get_Sessions(task, &found, &ended, &failures);
	expect(what, end_of(task), wanted);
	expect_number("  sessions found", found, wanted_count);
}

/* Returns a session of @user that a dry run selects, or NULL. The caller frees it. */
static char *find_session(const char *user)
{
	VMLogoffOptions options = options_of(60, VM_LOGOFF_DRY_RUN);
	IVMTask2 *task = start_with(&options);
	VMSessionResult *results = NULL;
	uint32_t count = 0;
	char *session = NULL;

	IVMTask2_WaitForCompletion(task, BOUND_MS);
	IVMTask2_get_SessionResults(task, &results, &count);
	for (uint32_t i = 0; i < count; i++) {
		printf("  %s: session %s, uid %u\n", results[i].user, results[i].session,
		       (unsigned int)results[i].uid);
		if (strcmp(results[i].user, user) == 0 &&
		    results[i].outcome == vmSessionOutcome_Selected)
			session = strdup(results[i].session);
	}
	free(results);
	IVMTask2_Release(task);
	return session;
}

static void walk_target(void)
{
	char *session;

	run(GUEST("open-session pam alice"));
	run(GUEST("open-session pam bob"));
	walk_selection("Error: a dry run", NULL, NULL, VM_LOGOFF_DRY_RUN, S_OK, 2);
	walk_selection("Error: no such user", "nobody", NULL, 0,
		       HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), 0);
	walk_selection("Error: no such session", NULL, "c999", 0,
		       HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), 0);
	walk_selection("Error: not a session id", NULL, "no-such-session", 0, E_INVALIDARG, 0);
	walk_selection("Error: alice", "alice", NULL, 0, S_OK, 1);
	walk_selection("Error: alice again", "alice", NULL, 0,
		       HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), 0);
	session = transport == VM_LOGOFF_VIA_KVP ? NULL : find_session("bob");
	walk_selection("Error: bob's session", "bob", session, 0, S_OK, 1);
	free(session);
}

/* The events received so far. */
static struct listener {
	IVMVirtualMachineEvents2 interface;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool reports;
	int events;
	VMLogoffType type;
	uint64_t task;
	char user[64];
} listener;

static HRESULT query_interface(IVMVirtualMachineEvents2 *This, const IID *iid, void **out)
{
	bool known = memcmp(iid, &DIID_IVMVirtualMachineEvents, sizeof(*iid)) == 0 ||
		     memcmp(iid, &IID_IVMVirtualMachineEvents2, sizeof(*iid)) == 0;

	*out = known ? This : NULL;
	return known ? S_OK : E_NOINTERFACE;
}

static HRESULT query_nothing(IVMVirtualMachineEvents2 *This, const IID *iid, void **out)
{
	(void)This;
	(void)iid;
	*out = NULL;
	return E_NOINTERFACE;
}

static uint32_t count_reference(IVMVirtualMachineEvents2 *This)
{
	(void)This;
	return 1;
}

static HRESULT on_guest_logoff(IVMVirtualMachineEvents2 *This, VMLogoffType type)
{
	(void)This;
	pthread_mutex_lock(&listener.lock);
	listener.type = type;
	pthread_mutex_unlock(&listener.lock);
	return S_OK;
}

static HRESULT on_session_ended(IVMVirtualMachineEvents2 *This, const VMLogoffEvent *event)
{
	(void)This;
	pthread_mutex_lock(&listener.lock);
	listener.events++;
	listener.task = event->task;
	snprintf(listener.user, sizeof(listener.user), "%s", event->user);
	printf("  %s is logged off (%d), session %s\n", event->user, (int)event->type,
	       event->session);
	pthread_cond_signal(&listener.changed);
	pthread_mutex_unlock(&listener.lock);
	return S_OK;
}

static HRESULT on_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	(void)This;
	pthread_mutex_lock(&listener.lock);
	listener.reports = reports;
	pthread_cond_signal(&listener.changed);
	pthread_mutex_unlock(&listener.lock);
	return S_OK;
}

static HRESULT on_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	(void)This;
	printf("  the events have ended: %s\n", VMGuestOS_ErrorName(reason));
	return S_OK;
}

static void wait_for_events(int count)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += BOUND_MS / 1000;
	pthread_mutex_lock(&listener.lock);
	while ((!listener.reports || listener.events < count) &&
	       pthread_cond_timedwait(&listener.changed, &listener.lock, &until) == 0)
		;
	pthread_mutex_unlock(&listener.lock);
}

static void walk_events(void)
{
	static const IVMVirtualMachineEvents2Vtbl rejecting = {
		query_nothing,    count_reference, count_reference, on_guest_logoff,
		on_session_ended, on_reporting,    on_end};
	static const IVMVirtualMachineEvents2Vtbl accepting = {
		query_interface,  count_reference, count_reference, on_guest_logoff,
		on_session_ended, on_reporting,    on_end};
	IVMVirtualMachineEvents *events = (IVMVirtualMachineEvents *)&listener.interface;
	uint32_t cookie = 0;
	uint64_t id = 0;
	IVMTask2 *task;

	pthread_mutex_init(&listener.lock, NULL);
	pthread_cond_init(&listener.changed, NULL);
	listener.interface.lpVtbl = &rejecting;
	expect("Advise: NULL", IVMGuestOS2_Advise(guest, NULL, &cookie), E_POINTER);
	expect("Advise: no such interface", IVMGuestOS2_Advise(guest, events, &cookie),
	       CONNECT_E_CANNOTCONNECT);
	listener.interface.lpVtbl = &accepting;
	expect("Advise", IVMGuestOS2_Advise(guest, events, &cookie), S_OK);
	wait_for_events(0);
	run(GUEST("open-session pam alice"));
	task = start(120, 0, 0);
	IVMTask2_get_ID(task, &id);
	expect("Error: alice, with a listener", end_of(task), S_OK);
	wait_for_events(1);
	expect_number("OnGuestLogoff: External", listener.type, vmLogoffType_External);
	expect_number("OnSessionEnded: task", listener.task, id);
	expect_number("OnSessionEnded: user is alice", strcmp(listener.user, "alice") == 0, 1);
	run(GUEST("open-session pam bob >/run/bob; loginctl terminate-session $(cat /run/bob)"));
	wait_for_events(2);
	expect_number("OnGuestLogoff: Forced", listener.type, vmLogoffType_Forced);
	expect_number("OnSessionEnded: no task", listener.task, 0);
	expect("Unadvise", IVMGuestOS2_Unadvise(guest, cookie), S_OK);
	expect("Unadvise: again", IVMGuestOS2_Unadvise(guest, cookie), CONNECT_E_NOCONNECTION);
}

/* Leaves alice logged on; walk_timeout() logs her off. */
static void walk_component(void)
{
	VMLogoffOptions options = options_of(60, 0);
	IVMTask2 *task = start_in_grace();

	run(HOST("rescind \"$VM\" logoff"));
	expect("Error: the component was rescinded", end_of(task), DISP_E_EXCEPTION);
	expect("LogoffWithOptions: without the component", try_options(&options),
	       VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	/* KVP works until the daemon is stopped and its answer removed from the pool. */
	expect("CanLogoff: by key-value pairs", IVMGuestOS2_CanLogoff(guest), S_OK);
	run(GUEST("systemctl stop hv-logoffd; : >/var/lib/hyperv/.kvp_pool_1"));
	expect("CanLogoff: without the daemon", IVMGuestOS2_CanLogoff(guest),
	       VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	expect("Logoff: without the daemon", try_logoff((IVMGuestOS *)guest),
	       VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	run(GUEST("while test -e /dev/vmbus/hv_logoff; do sleep 0.2; done"));
	run(HOST("offer \"$VM\" logoff"));
	wait_until_available();
}

static void walk_timeout(void)
{
	run(CONFIGURE("EscalateSec=3600"));
	run(GUEST("open-session stubborn carol"));
	wait_until_available();
	expect("Error: carol ignores the signals", end_of(start(5, 0, 0)), VM_E_TIMED_OUT);
	run(CONFIGURE(""));
	wait_until_available();
	expect("Error: by force", end_of(start(120, 0, VM_LOGOFF_FORCE)), S_OK);
}

/* Without a name, it is the component; 0 if there is no transport with that name. */
static uint32_t transport_named(const char *name)
{
	if (!name)
		return VM_LOGOFF_VIA_VMBUS;
	if (strcmp(name, "vsock") == 0)
		return VM_LOGOFF_VIA_VSOCK;
	return strcmp(name, "kvp") == 0 ? VM_LOGOFF_VIA_KVP : 0;
}

int main(int argc, char **argv)
{
	transport = argc == 2 || argc == 3 ? transport_named(argv[2]) : 0;
	if (!transport || !getenv("HVHOST") || !getenv("HVHOST_DIR")) {
		fputs("Usage: HVHOST=FILE HVHOST_DIR=DIRECTORY walk VM [vsock|kvp]\n", stderr);
		return 64;
	}
	setenv("VM", argv[1], 1);
	walk_machines(argv[1]);
	walk_permission(argv[1]);
	walk_options();
	walk_success();
	walk_target();
	if (transport != VM_LOGOFF_VIA_KVP)
		walk_events();
	walk_cancel();
	if (transport == VM_LOGOFF_VIA_VMBUS)
		walk_component();
	else
		expect("Error: by force", end_of(start(120, 0, VM_LOGOFF_FORCE)), S_OK);
	walk_timeout();
	IVMGuestOS2_Release(guest);
	printf("%d failed\n", failed);
	return failed ? 1 : 0;
}
