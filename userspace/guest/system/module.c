// SPDX-License-Identifier: GPL-2.0-or-later
#include "module.h"

#include <errno.h>
#include <glob.h>
#include <libkmod.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

#define VMBUS "/sys/bus/vmbus/devices"
/* The same as in driver/wire.h. */
#define CLASS "{99fea0db-4880-499a-b6d8-73dff9bc91be}"

static void ctx_unrefp(struct kmod_ctx **ctx)
{
	kmod_unref(*ctx);
}

static void list_unrefp(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

/* Copies the first line of @path into @line, which is empty if there is none. */
static void read_line(const char *path, char *line, int size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

bool module_has_device(void)
{
	bool found = false;
	char class[64];
	glob_t paths;

	if (glob(VMBUS "/*/class_id", 0, NULL, &paths))
		return false;
	for (size_t i = 0; i < paths.gl_pathc && !found; i++) {
		read_line(paths.gl_pathv[i], class, sizeof(class));
		found = !strcasecmp(class, CLASS);
	}
	globfree(&paths);
	return found;
}

static int explain_not_installed(void)
{
	struct utsname system;

	uname(&system);
	log_message(LOG_ERR,
		    "The kernel module " MODULE_NAME " is not installed for the kernel "
		    "%s; install the package linux-headers-%s, and run \"make install\" "
		    "in the source directory of hv-logoff.",
		    system.release, system.release);
	return -ENOENT;
}

/* In lockdown mode, for example with Secure Boot, the kernel only loads signed modules. */
static int explain_refused(void)
{
	char lockdown[128];

	read_line("/sys/kernel/security/lockdown", lockdown, sizeof(lockdown));
	if (prctl(PR_CAPBSET_READ, CAP_SYS_MODULE, 0, 0, 0) == 0 || geteuid() != 0)
		log_message(LOG_ERR,
			    "This process is not permitted to load the kernel module " MODULE_NAME
			    "; run \"modprobe " MODULE_NAME "\" as root, and udev starts "
			    "the daemon.");
	else if (lockdown[0] && !strstr(lockdown, "[none]"))
		log_message(LOG_ERR, "The kernel is in lockdown mode (Secure Boot) and rejects the "
				     "module " MODULE_NAME "; sign it with a key enrolled with "
				     "mokutil, or disable Secure Boot for this machine.");
	else
		log_message(LOG_ERR, "The kernel does not load any more modules "
				     "(kernel.modules_disabled is 1); reboot the machine.");
	return -EPERM;
}

static int explain(int error)
{
	if (error == KMOD_PROBE_APPLY_BLACKLIST) {
		log_message(LOG_ERR, "The kernel module " MODULE_NAME " is blacklisted; remove its "
				     "line from the files in /etc/modprobe.d.");
		return -EPERM;
	}
	if (error == -EPERM)
		return explain_refused();
	if (error == -ENOKEY || error == -EKEYREJECTED)
		log_message(LOG_ERR, "The kernel rejects the signature of the module " MODULE_NAME
				     "; sign it with a key enrolled with mokutil.");
	else if (error == -ENOEXEC)
		log_message(LOG_ERR, "The module " MODULE_NAME " was built for another kernel; "
				     "build and install it for this one.");
	else
		log_message(LOG_ERR,
			    "Cannot load the kernel module " MODULE_NAME ": %s; see the kernel log "
			    "(dmesg).",
			    strerror(-error));
	return error;
}

static int insert(void)
{
	_cleanup_(ctx_unrefp) struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	_cleanup_(list_unrefp) struct kmod_list *list = NULL;
	struct kmod_module *module;
	int r;

	if (!ctx)
		return -ENOMEM;
	r = kmod_module_new_from_lookup(ctx, MODULE_NAME, &list);
	if (r < 0 || !list)
		return explain_not_installed();
	module = kmod_module_get_module(list);
	r = kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL,
					    NULL);
	kmod_module_unref(module);
	return r ? explain(r) : 0;
}

int module_load(void)
{
	if (access(VMBUS, F_OK) < 0) {
		log_message(LOG_ERR, "This machine has no VMBus: it is not a Hyper-V guest, or its "
				     "kernel does not have the module hv_vmbus.");
		return -ENODEV;
	}
	if (!module_has_device()) {
		log_message(LOG_ERR, "The host does not offer the logoff component to this "
				     "machine.");
		return -ENODEV;
	}
	return insert();
}
