// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk VM: gets every code that libvmguestos has from a guest that runs and on which nobody is
 * logged on, and prints it with its name and its text. Written with the header and the manual
 * page alone; built as C and as C++. $HVHOST is the host's command.
 */
#include <poll.h>
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
static int failed;

static void expect(const char *what, HRESULT hr, HRESULT wanted)
{
	printf("%-46s 0x%08x %s: %s\n", what, (unsigned int)hr, VMGuestOS_ErrorName(hr),
	       VMGuestOS_ErrorText(hr));
	if (hr != wanted) {
		printf("  and should be 0x%08x %s\n", (unsigned int)wanted,
		       VMGuestOS_ErrorName(wanted));
		failed++;
	}
	fflush(stdout);
}

/* What has to be done to get at a code. */
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

static IVMTask2 *start(uint32_t timeout, uint32_t grace, uint32_t flags)
{
	VMLogoffOptions options;
	IVMTask *task;
	void *extended;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.timeout = timeout;
	options.grace = grace;
	options.flags = flags;
	options.message = "You are logged off.";
	if (FAILED(IVMGuestOS2_LogoffWithOptions(guest, &options, &task)) ||
	    FAILED(IVMTask_QueryInterface(task, &IID_IVMTask2, &extended))) {
		puts("  no logoff was started");
		exit(1);
	}
	IVMTask_Release(task);
	return (IVMTask2 *)extended;
}

/* The users have been told, and nobody is logged off yet. */
static IVMTask2 *start_in_grace(void)
{
	IVMTask2 *task = start(1000, 900, 0);
	VMLogoffState state = vmLogoffState_Pending;
	struct pollfd news;

	news.events = POLLIN;
	IVMTask2_get_Descriptor(task, &news.fd);
	while (state < vmLogoffState_Grace && poll(&news, 1, BOUND_MS) == 1)
		IVMTask2_get_State(task, &state);
	if (state != vmLogoffState_Grace) {
		puts("  the guest gives its users no grace");
		exit(1);
	}
	return task;
}

/* Releases the task. */
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
	HRESULT hr = IVMGuestOS2_CanLogoff(guest);

	for (int i = 0; hr == VM_E_ADDITIONS_FEATURE_NOT_AVAIL && i < BOUND_MS / 100; i++) {
		usleep(100000);
		hr = IVMGuestOS2_CanLogoff(guest);
	}
	expect("CanLogoff", hr, S_OK);
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

/* As nobody if this is root: root may do everything. */
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
	run("chmod 711 \"$HVHOST_DIR\" && chmod 0 \"$HVHOST_DIR/$VM/control.sock\"");
	expect("Logoff: unprivileged", logoff_unprivileged(name), E_ACCESSDENIED);
	run("chmod 700 \"$HVHOST_DIR\" && chmod 755 \"$HVHOST_DIR/$VM/control.sock\"");
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
	expect("Cancel: what is over", IVMTask2_Cancel(task), E_FAIL);
	expect("Error: cancelled", end_of(task), HRESULT_FROM_WIN32(ERROR_CANCELLED));
}

/* Alice is still there. */
static void walk_component(void)
{
	IVMTask2 *task = start_in_grace();

	run(HOST("rescind \"$VM\" logoff"));
	expect("Error: the component was taken away", end_of(task), DISP_E_EXCEPTION);
	expect("Logoff: without the component", try_logoff((IVMGuestOS *)guest),
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
	expect("Error: carol ignores it", end_of(start(5, 0, 0)), VM_E_TIMED_OUT);
	run(CONFIGURE(""));
	wait_until_available();
	expect("Error: by force", end_of(start(120, 0, VM_LOGOFF_FORCE)), S_OK);
}

int main(int argc, char **argv)
{
	if (argc != 2 || !getenv("HVHOST") || !getenv("HVHOST_DIR")) {
		fputs("Usage: HVHOST=FILE HVHOST_DIR=FOLDER walk VM\n", stderr);
		return 64;
	}
	setenv("VM", argv[1], 1);
	walk_machines(argv[1]);
	walk_permission(argv[1]);
	walk_success();
	walk_cancel();
	walk_component();
	walk_timeout();
	IVMGuestOS2_Release(guest);
	printf("%d wrong\n", failed);
	return failed ? 1 : 0;
}
