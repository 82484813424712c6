/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an administrator can do about an error of Hyper-V's host, as a sentence. */
#ifndef HVL_REMEDY_H
#define HVL_REMEDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windows.h>

/* What failed: the same code has another cause in each. */
enum remedy_step {
	REMEDY_CONNECT, /* the connection to the host */
	REMEDY_FIND,    /* looking up machines */
	REMEDY_ITEMS,   /* reading or setting key-value pairs */
};

/* @host is NULL for this computer, @machine NULL if there is none. The text is clean. */
void remedy_text(char *text, size_t size, enum remedy_step step, HRESULT hr, const char *host,
		 const char *machine);

/* The machine is on another node of a failover cluster. */
void remedy_node_text(char *text, size_t size, const char *node, const char *host,
		      const char *machine);

/*
 * The sentence for OperationalStatus of Data Exchange; false, and no text, unless that keeps it
 * from working.
 */
bool remedy_status_text(char *text, size_t size, uint32_t status, const char *machine);

/* The guest publishes no answer of hv-logoffd. */
void remedy_no_answer_text(char *text, size_t size, const char *machine);

/* The guest does not publish @item. */
void remedy_no_item_text(char *text, size_t size, const char *machine, const char *item);

/* Shutdown or heartbeat is disabled for the machine. */
void remedy_component_text(char *text, size_t size, const char *machine);

#endif /* HVL_REMEDY_H */
