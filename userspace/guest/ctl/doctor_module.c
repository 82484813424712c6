// SPDX-License-Identifier: GPL-2.0-or-later
/* Why the driver is not loaded. */
#include <glob.h>
#include <libkmod.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "userspace/shared/util.h"

#define NAME    "hv_logoff"
#define SUBJECT "module"

/* Takes the release of the kernel. */
#define BUILD_REMEDY                                                                               \
	"Install the package linux-headers-%s; then install the package hv-logoff-dkms, or run "   \
	"\"make install-driver\" in the source directory of hv-logoff; then run \"modprobe " NAME  \
	"\"."

static void ctx_unrefp(struct kmod_ctx **ctx)
{
	kmod_unref(*ctx);
}

static void module_unrefp(struct kmod_module **module)
{
	kmod_module_unref(*module);
}

static void list_unrefp(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void info_freep(struct kmod_list **list)
{
	kmod_module_info_free_list(*list);
}

static FILE *open_file(const struct doctor *doctor, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", doctor->root, path);
	return fopen(full, "re");
}

/* Copies the first line of @path, below the root, into @line, which is empty if there is none. */
static void read_line(const struct doctor *doctor, const char *path, char *line, int size)
{
	_cleanup_fclose_ FILE *file = open_file(doctor, path);

	if (!file || !fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

static bool is_loaded(const struct doctor *doctor)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/module/" NAME, doctor->root);
	return access(path, F_OK) == 0;
}

/* The directories are those of modprobe.d(5). */
static struct kmod_ctx *open_modules(const struct doctor *doctor)
{
	static const char *const directories[] = {
		"/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
		"/usr/lib/modprobe.d", "/lib/modprobe.d",
	};
	char paths[ARRAY_SIZE(directories)][PATH_MAX];
	const char *list[ARRAY_SIZE(directories) + 1];
	char modules[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s%s", doctor->root, directories[i]);
		list[i] = paths[i];
	}
	list[ARRAY_SIZE(directories)] = NULL;
	snprintf(modules, sizeof(modules), "%s/lib/modules/%s", doctor->root, doctor->release);
	return kmod_new(modules, list);
}

/* The path after the directory of all modules, such as "6.1.0-1/updates/hv_logoff.ko"; or false. */
static bool find_for_other_kernel(const struct doctor *doctor, char *found, size_t size)
{
	static const char *const places[] = {"*", "*/*", "*/*/*", "*/*/*/*"};
	char pattern[PATH_MAX];
	size_t length;
	glob_t paths;

	length = snprintf(pattern, sizeof(pattern), "%s/lib/modules/", doctor->root);
	found[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places) && !found[0]; i++) {
		snprintf(pattern + length, sizeof(pattern) - length, "%s/" NAME ".ko*", places[i]);
		if (glob(pattern, 0, NULL, &paths))
			continue;
		snprintf(found, size, "%s", paths.gl_pathv[0] + length);
		globfree(&paths);
	}
	return found[0];
}

/*
 * The first error in DKMS's log, whose first line ends with the kernel and the architecture; or
 * false if that build was for another kernel.
 */
static bool read_build_log(const char *path, const char *release, char *cause, int size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char wanted[256];

	snprintf(wanted, sizeof(wanted), " for kernel %s (", release);
	if (!file || !fgets(cause, size, file) || !strstr(cause, wanted))
		return false;
	while (fgets(cause, size, file))
		if (strstr(cause, "error:") || strstr(cause, "***"))
			break;
	cause[strcspn(cause, "\n")] = '\0';
	return true;
}

/* DKMS only keeps a log in this place if the build has failed. */
static bool explain_failed_build(struct doctor *doctor)
{
	char pattern[PATH_MAX], cause[256];
	bool found = false;
	glob_t paths;

	snprintf(pattern, sizeof(pattern), "%s/var/lib/dkms/hv-logoff/*/build/make.log",
		 doctor->root);
	if (glob(pattern, 0, NULL, &paths))
		return false;
	for (size_t i = 0; i < paths.gl_pathc && !found; i++) {
		const char *path = paths.gl_pathv[i];

		found = read_build_log(path, doctor->release, cause, sizeof(cause));
		if (!found)
			continue;
		finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
					  "DKMS could not build " NAME
					  " for the running kernel %s: %s.",
					  doctor->release, cause),
			       "See %s; when the cause is removed, run \"dkms autoinstall\" and "
			       "\"modprobe " NAME "\".",
			       path + strlen(doctor->root));
	}
	globfree(&paths);
	return found;
}

static void explain_missing(struct doctor *doctor)
{
	struct finding *finding;
	char other[256];

	if (explain_failed_build(doctor))
		return;
	if (find_for_other_kernel(doctor, other, sizeof(other)))
		finding = doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
				     NAME " is not installed for the running kernel %s, only as "
					  "/lib/modules/%s.",
				     doctor->release, other);
	else
		finding = doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
				     NAME " is not installed for the running kernel %s.",
				     doctor->release);
	finding_remedy(finding, BUILD_REMEDY, doctor->release);
}

/* Copies the value into @value, which is empty if there is none. */
static void find_info(const struct kmod_list *info, const char *key, char *value, size_t size)
{
	const struct kmod_list *entry;

	value[0] = '\0';
	kmod_list_foreach(entry, info) {
		if (!strcmp(kmod_module_info_get_key(entry), key))
			snprintf(value, size, "%s", kmod_module_info_get_value(entry));
	}
}

static bool is_blacklisted(const struct kmod_ctx *ctx, const struct kmod_list *list)
{
	_cleanup_(list_unrefp) struct kmod_list *left = NULL;

	return kmod_module_apply_filter(ctx, KMOD_FILTER_BLACKLIST, list, &left) == 0 && !left;
}

static bool explain_configuration(struct doctor *doctor, const struct kmod_ctx *ctx,
				  const struct kmod_list *list, const struct kmod_module *module)
{
	const char *command = kmod_module_get_install_commands(module);
	char disabled[8];

	read_line(doctor, "/proc/sys/kernel/modules_disabled", disabled, sizeof(disabled));
	if (is_blacklisted(ctx, list))
		finding_remedy(
			doctor_add(doctor, SUBJECT, FINDING_PROBLEM, NAME " is blacklisted."),
			"Remove the line \"blacklist " NAME "\" from the files in "
			"/etc/modprobe.d, and run \"modprobe " NAME "\".");
	else if (command)
		finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
					  "Instead of loading " NAME ", modprobe runs \"%s\".",
					  command),
			       "Remove the line \"install " NAME "\" from the files in "
			       "/etc/modprobe.d, and run \"modprobe " NAME "\".");
	else if (disabled[0] == '1')
		finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
					  "The kernel does not load any more modules "
					  "(kernel.modules_disabled is 1)."),
			       "Reboot the machine; load " NAME
			       " before the setting is changed, for example with a file in "
			       "/etc/modules-load.d.");
	else
		return false;
	return true;
}

static bool explain_vermagic(struct doctor *doctor, const struct kmod_list *info)
{
	char vermagic[128];

	find_info(info, "vermagic", vermagic, sizeof(vermagic));
	vermagic[strcspn(vermagic, " ")] = '\0';
	if (!vermagic[0] || !strcmp(vermagic, doctor->release))
		return false;
	finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
				  NAME " was built for the kernel %s, but %s is running.", vermagic,
				  doctor->release),
		       BUILD_REMEDY, doctor->release);
	return true;
}

/* In lockdown mode, for example with Secure Boot, the kernel only loads signed modules. */
static bool explain_signature(struct doctor *doctor, const struct kmod_list *info)
{
	char lockdown[128];
	char enforce[8];
	char id[32];
	bool locked;

	read_line(doctor, "/sys/kernel/security/lockdown", lockdown, sizeof(lockdown));
	read_line(doctor, "/sys/module/module/parameters/sig_enforce", enforce, sizeof(enforce));
	find_info(info, "sig_id", id, sizeof(id));
	locked = lockdown[0] && !strstr(lockdown, "[none]");
	if (!locked && enforce[0] != 'Y')
		return false;
	if (!id[0])
		finding_remedy(
			doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
				   NAME " is not signed, and the kernel only loads signed "
					"modules (%s).",
				   locked ? "lockdown, as with Secure Boot" : "module.sig_enforce"),
			"Sign it with a key that is enrolled with mokutil, or switch off "
			"Secure Boot for this machine.");
	else
		finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
					  NAME " is signed, but is not loaded; the kernel only "
					       "loads modules whose key it knows."),
			       "Run \"modprobe " NAME "\" to see why. If the key is rejected, "
			       "enroll it: for DKMS's, run \"mokutil --import "
			       "/var/lib/dkms/mok.pub\", and reboot.");
	return true;
}

static void explain(struct doctor *doctor, const struct kmod_ctx *ctx, struct kmod_list *list)
{
	_cleanup_(module_unrefp) struct kmod_module *module = kmod_module_get_module(list);
	_cleanup_(info_freep) struct kmod_list *info = NULL;

	if (explain_configuration(doctor, ctx, list, module))
		return;
	if (kmod_module_get_info(module, &info) < 0)
		finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
					  "%s is not a module that can be read.",
					  kmod_module_get_path(module)),
			       BUILD_REMEDY, doctor->release);
	else if (!explain_vermagic(doctor, info) && !explain_signature(doctor, info))
		finding_remedy(doctor_add(doctor, SUBJECT, FINDING_PROBLEM,
					  NAME " is installed, but not loaded."),
			       "Run \"modprobe " NAME "\"; if it fails, see the kernel log "
			       "(dmesg).");
}

bool doctor_check_module(struct doctor *doctor)
{
	_cleanup_(ctx_unrefp) struct kmod_ctx *ctx = NULL;
	_cleanup_(list_unrefp) struct kmod_list *list = NULL;

	if (is_loaded(doctor)) {
		doctor_add(doctor, SUBJECT, FINDING_OK, NAME " is loaded.");
		return true;
	}
	ctx = open_modules(doctor);
	if (!ctx || kmod_module_new_from_lookup(ctx, NAME, &list) < 0 || !list)
		explain_missing(doctor);
	else
		explain(doctor, ctx, list);
	return false;
}
