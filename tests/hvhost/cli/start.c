// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands that start a machine. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli.h"
#include "client.h"
#include "driver/wire.h"
#include "tests/hvhost/lock.h"
#include "tests/hvhost/machine.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmbus/vmbus_wire.h"
#include "userspace/host/libvmguestos/registry.h"

#define LOCK_MS        5000 /* how long to wait for the end of an earlier machine */
#define MEMORY_DEFAULT 768
#define MEMORY_MIN     128
#define PERSISTENT_MAX 64
#define MEMORY_MAX     3072 /* the interrupt controllers are in the last GiB below 4 GiB */

static const struct {
	const char *name;
	uint32_t version;
} versions[] = {
	{"4.0", VMBUS_V4_0}, {"4.1", VMBUS_V4_1}, {"5.0", VMBUS_V5_0},
	{"5.1", VMBUS_V5_1}, {"5.2", VMBUS_V5_2}, {"5.3", VMBUS_V5_3},
};

static bool parse_number(const char *text, unsigned int min, unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < min || value > max)
		return false;
	*number = (unsigned int)value;
	return true;
}

static bool parse_version(const char *text, uint32_t *version)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (strcmp(text, versions[i].name) == 0) {
			*version = versions[i].version;
			return true;
		}
	}
	return false;
}

static uint32_t version_number(const struct hvl_version *version)
{
	return (uint32_t)version->major << 16 | version->minor;
}

static bool parse_message_version(const char *text, uint32_t *number)
{
	for (size_t i = 0; i < ARRAY_SIZE(hvl_message_versions); i++) {
		const struct hvl_version *version = &hvl_message_versions[i];
		char name[16];

		snprintf(name, sizeof(name), "%u.%u", version->major, version->minor);
		*number = version_number(version);
		if (strcmp(text, name) == 0)
			return true;
	}
	return false;
}

/* Stores an absolute path: the machine's process changes its working directory. */
static bool parse_file(const char *path, char **file)
{
	free(*file);
	*file = realpath(path, NULL);
	if (*file && access(*file, R_OK) == 0)
		return true;
	fprintf(stderr, "hvhost: cannot read the file %s: %s.\n", path, strerror(errno));
	return false;
}

static bool parse_allowed(const char *argument, const char *what, bool good)
{
	if (!good)
		fprintf(stderr,
			"hvhost: there is no %s \"%s\" in /etc/passwd or /etc/group; specify one "
			"that is defined elsewhere by its number.\n",
			what, argument);
	return good;
}

static bool parse_option(int option, const char *argument, struct machine_config *config)
{
	bool good = true;

	switch (option) {
	case 'k':
		return parse_file(argument, &config->kernel);
	case 'i':
		return parse_file(argument, &config->initrd);
	case 'a':
		free(config->append);
		config->append = strdup(argument);
		return config->append;
	case 'm':
		good = parse_number(argument, MEMORY_MIN, MEMORY_MAX, &config->memory);
		break;
	case 'p':
		good = parse_number(argument, 1, PERSISTENT_MAX, &config->persistent);
		break;
	case 'n':
		free(config->no_offer);
		config->no_offer = strdup(argument);
		return config->no_offer;
	case 'c':
		good = parse_number(argument, 1, 4, &config->cpus);
		break;
	case 'v':
		good = parse_version(argument, &config->vmbus_version);
		break;
	case 'M':
		good = parse_message_version(argument, &config->message_version);
		break;
	case 'U':
		return parse_allowed(argument, "user",
				     access_allow_user(&config->access, argument));
	case 'G':
		return parse_allowed(argument, "group",
				     access_allow_group(&config->access, argument));
	default:
		return false;
	}
	if (!good)
		fprintf(stderr,
			"hvhost: %s is not valid: --memory is %d to %d MiB, --persistent 1 to %d, "
			"--cpus 1 to 4, --vmbus one of 4.0, 4.1, 5.0, 5.1, 5.2 and 5.3, "
			"--message-version 1.0, 1.1 or 1.2.\n",
			argument, MEMORY_MIN, MEMORY_MAX, PERSISTENT_MAX);
	return good;
}

static bool parse_options(int argc, char **argv, struct machine_config *config)
{
	static const struct option options[] = {
		{"kernel", required_argument, NULL, 'k'},
		{"initrd", required_argument, NULL, 'i'},
		{"append", required_argument, NULL, 'a'},
		{"memory", required_argument, NULL, 'm'},
		{"persistent", required_argument, NULL, 'p'},
		{"no-offer", required_argument, NULL, 'n'},
		{"cpus", required_argument, NULL, 'c'},
		{"vmbus", required_argument, NULL, 'v'},
		{"message-version", required_argument, NULL, 'M'},
		{"allow-user", required_argument, NULL, 'U'},
		{"allow-group", required_argument, NULL, 'G'},
		{0},
	};
	int option;

	optind = 0; /* restart getopt_long() */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!parse_option(option, optarg, config))
			return false;
	}
	return true;
}

static bool is_name(int argc, char **argv)
{
	if (optind == argc - 1 && vmg_registry_is_name(argv[optind]))
		return true;
	fprintf(stderr, "hvhost: the machine's name is required. It consists of letters, digits, "
			"\"-\", \"_\" and \".\", and begins with a letter or a digit.\n");
	return false;
}

/* Without --kernel: the saved configuration, with the options as changes. */
static bool parse_again(int argc, char **argv, struct machine_config *config)
{
	_cleanup_free_ char *directory = config->directory;

	config->directory = NULL;
	machine_config_done(config);
	if (machine_config_load(directory, config) == 0)
		return parse_options(argc, argv, config);
	fprintf(stderr, "hvhost: --kernel is required: %s has no valid machine.json.\n", directory);
	return false;
}

/* The kernel makes a random UUID for each reader. */
static char *new_guid(void)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/uuid", O_RDONLY | O_CLOEXEC);
	char guid[VMG_GUID_SIZE] = "";

	return fd >= 0 && read(fd, guid, sizeof(guid) - 1) > 0 ? strdup(guid) : NULL;
}

/* A machine keeps its GUID when it is started with other options. */
static bool set_guid(struct machine_config *config)
{
	_cleanup_(machine_config_done) struct machine_config saved;

	if (config->guid)
		return true;
	if (machine_config_load(config->directory, &saved) == 0) {
		config->guid = saved.guid;
		saved.guid = NULL;
	}
	if (!config->guid)
		config->guid = new_guid();
	return config->guid;
}

static bool parse(int argc, char **argv, struct machine_config *config)
{
	_cleanup_free_ char *registry = NULL;

	*config = (struct machine_config){
		.memory = MEMORY_DEFAULT,
		.cpus = 1,
		.vmbus_version = VMBUS_V5_3,
		.message_version = version_number(&hvl_message_versions[0]),
	};
	if (!parse_options(argc, argv, config) || !is_name(argc, argv))
		return false;
	config->name = strdup(argv[optind]);
	if (!config->name || vmg_registry_own(&registry) < 0 ||
	    asprintf(&config->directory, "%s/%s", registry, config->name) < 0)
		return false;
	if (!config->kernel && !parse_again(argc, argv, config))
		return false;
	if (!set_guid(config))
		return false;
	config->access.owner = geteuid();
	return true;
}

/* Any user may connect to a machine; the control socket checks permissions. */
static bool make_one(const char *path)
{
	if (mkdir(path, 0700) == 0 && chmod(path, 0755) == 0)
		return true;
	if (errno == EEXIST)
		return true;
	fprintf(stderr,
		"hvhost: cannot create the directory %s: %s. HVHOST_DIR selects another one.\n",
		path, strerror(errno));
	return false;
}

/* Creates the registry and the machine's directory, and makes the directory's path absolute. */
static bool make_directory(struct machine_config *config)
{
	_cleanup_free_ char *registry = NULL;
	char *absolute;

	if (vmg_registry_own(&registry) < 0 || !make_one(registry) || !make_one(config->directory))
		return false;
	absolute = realpath(config->directory, NULL);
	if (!absolute)
		return false;
	free(config->directory);
	config->directory = absolute;
	return true;
}

static void report_running(const char *name)
{
	fprintf(stderr,
		"hvhost: a machine \"%s\" is already running: \"hvhost stop %s\" ends it.\n", name,
		name);
}

static bool is_connectable(const char *name)
{
	_cleanup_(client_close) struct connection *connection = client_connect(name, true);

	return connection;
}

/* Whether this machine would hide a running one with the same name in another registry. */
static bool is_hidden(const struct machine_config *config)
{
	if (access(config->directory, F_OK) == 0 || !is_connectable(config->name))
		return false;
	report_running(config->name);
	return true;
}

static bool keep(const struct machine_config *config)
{
	if (machine_config_save(config) == 0)
		return true;
	fprintf(stderr, "hvhost: cannot write %s/machine.json.\n", config->directory);
	return false;
}

/* Waits until all processes of an earlier machine have exited. Returns the lock, or -1. */
static int take_lock(const struct machine_config *config)
{
	int lock = lock_open(config->directory, true);

	if (lock < 0) {
		fprintf(stderr, "hvhost: %s/lock cannot be opened: %s.\n", config->directory,
			strerror(-lock));
		return -1;
	}
	if (lock_take(lock, LOCK_MS) && lock_write_target(lock, 0) == 0)
		return lock;
	if (is_connectable(config->name))
		report_running(config->name);
	else
		fprintf(stderr,
			"hvhost: a machine \"%s\" is starting or ending: \"hvhost stop %s\" ends "
			"it "
			"now.\n",
			config->name, config->name);
	close(lock);
	return -1;
}

/* Returns the machine's lock, or -1 after reporting the reason. */
static int prepare(int argc, char **argv, struct machine_config *config)
{
	int lock;

	if (!parse(argc, argv, config) || is_hidden(config) || !make_directory(config))
		return -1;
	lock = take_lock(config);
	if (lock >= 0 && !keep(config))
		closep(&lock);
	return lock;
}

/* Standard error becomes the machine's log. All of the machine's processes are in a new session. */
static bool detach(const struct machine_config *config, int lock)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int log = -1;

	if (asprintf(&path, "%s/hvhost.log", config->directory) < 0) {
		path = NULL;
		return false;
	}
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	return null >= 0 && log >= 0 && setsid() >= 0 && lock_write_target(lock, -getpid()) == 0 &&
	       chdir("/") == 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(log, 2) >= 0;
}

static _Noreturn void machine_process(const struct machine_config *config, int ready, int lock)
{
	int ret;

	if (!detach(config, lock))
		_exit(EXIT_FAILURE);
	ret = outer_needed() ? outer_run(config, ready, lock) : vmm_run(config, false, ready);
	_exit(ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Prints the progress until the control socket accepts connections, or the machine has ended. */
static void show_progress(int ready)
{
	char buffer[1024];
	ssize_t got;

	while ((got = read(ready, buffer, sizeof(buffer))) > 0) {
		if (write_all(STDOUT_FILENO, buffer, (size_t)got) < 0)
			break;
	}
}

static void show_log(const struct machine_config *config)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ void *log = NULL;
	size_t size = 0;

	if (asprintf(&path, "%s/hvhost.log", config->directory) < 0)
		path = NULL;
	if (!path || read_file(path, &log, &size) < 0 || !size) {
		fprintf(stderr,
			"hvhost: %s did not start, and its log is empty: it was probably killed.\n",
			config->name);
		return;
	}
	fprintf(stderr, "hvhost: %s did not start; its log:\n", config->name);
	write_all(STDERR_FILENO, log, size);
}

static int report_start(const struct machine_config *config)
{
	_cleanup_(client_close) struct connection *connection = client_connect(config->name, true);

	if (connection) {
		printf("%s is running.\n", config->name);
		return EXIT_SUCCESS;
	}
	show_log(config);
	return EXIT_FAILURE;
}

/* Only the machine's processes hold @lock afterwards. */
static int start(const struct machine_config *config, int lock)
{
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0) {
		perror("hvhost: pipe");
		close(lock);
		return EXIT_FAILURE;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		machine_process(config, ready[1], lock);
	}
	close(ready[1]);
	close(lock);
	if (pid > 0)
		show_progress(ready[0]);
	close(ready[0]);
	return report_start(config);
}

int cli_start(int argc, char **argv)
{
	_cleanup_(machine_config_done) struct machine_config config;
	int lock = prepare(argc, argv, &config);

	return lock < 0 ? EXIT_USAGE : start(&config, lock);
}

/* In the foreground, for debugging hvhost itself. */
int cli_run(int argc, char **argv)
{
	_cleanup_(machine_config_done) struct machine_config config;
	_cleanup_close_ int lock = prepare(argc, argv, &config);

	if (lock < 0 || lock_write_target(lock, getpid()) < 0)
		return EXIT_USAGE;
	return vmm_run(&config, false, dup(STDOUT_FILENO)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
