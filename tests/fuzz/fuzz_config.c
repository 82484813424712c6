// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's configuration file. */
#include <errno.h>

#include "fuzz.h"
#include "userspace/guest/config.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define NAME "FILE"

static void must_be_words(char *const *words)
{
	must(words);
	for (; *words; words++)
		must(**words && !strpbrk(*words, " \t,\n"));
}

/* The limits of hv-logoffd.conf(5). */
static void must_be_config(const struct config *config)
{
	must_be_words(config->classes);
	must(config->classes[0]);
	for (char **class = config->classes; *class; class ++)
		must(strncmp(*class, "manager", strlen("manager")) != 0);
	must(config->exempt_users);
	for (struct exempt_user *user = config->exempt_users; user->name; user++)
		must(text_is_name(user->name) && !user->has_uid);
	must(config->escalate >= 1 && config->escalate <= 3600);
	must(config->message && !strchr(config->message, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	char *messages = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&messages, &length);
	struct config config;
	int r;

	must(stream);
	r = config_parse(&config, NAME, text, size, stream);
	must(!fclose(stream));
	if (r == 0) {
		must(length == 0 || strstr(messages, ": Warning: "));
		must_be_config(&config);
		config_done(&config);
	} else {
		must(r == (size > 16384 ? -EFBIG : -EINVAL));
		/* Complete lines that state the location, and nothing left to be freed. */
		must(length > 0 && messages[length - 1] == '\n');
		must(!strncmp(messages, NAME ":", strlen(NAME ":")));
		must(!config.classes && !config.exempt_users && !config.message);
	}
	free(messages);
	free(text);
	return 0;
}
