/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvhost's commands. Each returns the exit status, after reporting errors on standard error. */
#ifndef HVHOST_CLI_H
#define HVHOST_CLI_H

#define EXIT_USAGE 2

/* start.c */
int cli_start(int argc, char **argv);
int cli_run(int argc, char **argv);

/* cli.c */
int cli_list(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_console(int argc, char **argv);
int cli_exec(int argc, char **argv);
int cli_logoff(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_cancel(int argc, char **argv);
int cli_query(int argc, char **argv);
int cli_shutdown(int argc, char **argv);
int cli_heartbeat(int argc, char **argv);
int cli_timesync(int argc, char **argv);
int cli_kvp(int argc, char **argv);
int cli_component(int argc, char **argv);
int cli_storm(int argc, char **argv);
int cli_inject(int argc, char **argv);
int cli_reset(int argc, char **argv);

/* stop.c */
int cli_stop(int argc, char **argv);

/* vsock.c */
int cli_vsock(int argc, char **argv);

/* main.c: prints the usage of one command, and returns EXIT_USAGE. */
int cli_usage(const char *command);

#endif /* HVHOST_CLI_H */
