// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_xml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/shared/util.h"

#define MAX_DEPTH 8
/* Longer names of elements and attributes are of no interest, and become "". */
#define NAME_SIZE 32

#define CLASS "Msvm_KvpExchangeDataItem"

struct text {
	char *bytes;
	size_t length, size;
};

struct parser {
	const char *at;
	char elements[MAX_DEPTH][NAME_SIZE]; /* the open ones */
	unsigned int depth;
	bool empty;            /* the last start tag was that of an empty element */
	char class[NAME_SIZE]; /* CLASSNAME, NAME and TYPE of the last start tag */
	char name[NAME_SIZE];
	char type[NAME_SIZE];
	char **target; /* of the property that is open; NULL if it is ignored */
	char **item_name, **item_data;
};

static int append(struct text *text, const char *bytes, size_t length)
{
	char *grown;

	if (text->size - text->length <= length) {
		text->size = (text->size + length + 1) * 2;
		grown = realloc(text->bytes, text->size);
		if (!grown)
			return -ENOMEM;
		text->bytes = grown;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
	return 0;
}

static int append_utf8(struct text *text, uint32_t code)
{
	char bytes[4];

	if (code < 0x80) {
		bytes[0] = (char)code;
		return append(text, bytes, 1);
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		return append(text, bytes, 2);
	}
	if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		return append(text, bytes, 3);
	}
	bytes[0] = (char)(0xf0 | code >> 18);
	bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
	bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[3] = (char)(0x80 | (code & 0x3f));
	return append(text, bytes, 4);
}

/* The Char production of XML 1.0. */
static bool is_char(uint32_t code)
{
	if (code < 0x20)
		return code == '\t' || code == '\n' || code == '\r';
	return code < 0xd800 || (code >= 0xe000 && code < 0xfffe) ||
	       (code >= 0x10000 && code < 0x110000);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-' || c == ':';
}

static void skip_space(struct parser *parser)
{
	while (is_space(*parser->at))
		parser->at++;
}

static bool take(struct parser *parser, const char *token)
{
	size_t length = strlen(token);

	if (strncmp(parser->at, token, length) != 0)
		return false;
	parser->at += length;
	return true;
}

static int parse_name(struct parser *parser, char name[NAME_SIZE])
{
	const char *start = parser->at;
	size_t length;

	while (is_name(*parser->at))
		parser->at++;
	length = parser->at - start;
	snprintf(name, NAME_SIZE, "%.*s", length < NAME_SIZE ? (int)length : 0, start);
	return length > 0 ? 0 : -EBADMSG;
}

/* &#10; or &#xa; after its '&#'. */
static int parse_number(struct parser *parser, struct text *text)
{
	unsigned int base = take(parser, "x") ? 16 : 10, digits;
	uint32_t code = 0;

	for (digits = 0; *parser->at != ';'; digits++, parser->at++) {
		const char *all = "0123456789abcdef0123456789ABCDEF";
		const char *found = *parser->at ? strchr(all, *parser->at) : NULL;
		uint32_t digit = found ? (uint32_t)(found - all) % 16 : base;

		if (digits == 8 || digit >= base)
			return -EBADMSG;
		code = code * base + digit;
	}
	parser->at++;
	return digits > 0 && is_char(code) ? append_utf8(text, code) : -EBADMSG;
}

static int parse_reference(struct parser *parser, struct text *text)
{
	static const struct {
		const char *reference;
		const char *character;
	} known[] = {
		{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&quot;", "\""}, {"&apos;", "'"}};

	if (take(parser, "&#"))
		return parse_number(parser, text);
	for (size_t index = 0; index < ARRAY_SIZE(known); index++) {
		if (take(parser, known[index].reference))
			return append(text, known[index].character, 1);
	}
	return -EBADMSG;
}

/* Appends characters and references up to '<' or, in an attribute, @end. */
static int parse_characters(struct parser *parser, char end, struct text *text)
{
	int ret = append(text, "", 0);

	while (ret == 0 && *parser->at && *parser->at != '<' && *parser->at != end) {
		if (*parser->at == '&') {
			ret = parse_reference(parser, text);
		} else {
			if (!is_char((unsigned char)*parser->at))
				return -EBADMSG;
			ret = append(text, parser->at++, 1);
		}
	}
	return ret;
}

static void keep_attribute(struct parser *parser, const char *name, const char *value)
{
	char *kept = strcmp(name, "CLASSNAME") == 0 ? parser->class
		     : strcmp(name, "NAME") == 0    ? parser->name
		     : strcmp(name, "TYPE") == 0    ? parser->type
						    : NULL;

	if (kept)
		snprintf(kept, NAME_SIZE, "%s", strlen(value) < NAME_SIZE ? value : "");
}

static int parse_attribute(struct parser *parser)
{
	struct text value = {};
	char name[NAME_SIZE], quote;
	int ret = parse_name(parser, name);

	if (ret < 0)
		return ret;
	skip_space(parser);
	if (!take(parser, "="))
		return -EBADMSG;
	skip_space(parser);
	quote = *parser->at++;
	if (quote != '"' && quote != '\'')
		return -EBADMSG;
	ret = parse_characters(parser, quote, &value);
	if (ret == 0 && *parser->at++ != quote)
		ret = -EBADMSG;
	if (ret == 0)
		keep_attribute(parser, name, value.bytes);
	free(value.bytes);
	return ret;
}

/* After '<'. */
static int parse_start_tag(struct parser *parser)
{
	int ret;

	if (parser->depth == MAX_DEPTH)
		return -EBADMSG;
	ret = parse_name(parser, parser->elements[parser->depth]);
	if (ret < 0)
		return ret;
	parser->class[0] = parser->name[0] = parser->type[0] = '\0';
	for (;;) {
		bool separated = is_space(*parser->at);

		skip_space(parser);
		parser->empty = take(parser, "/>");
		if (parser->empty || take(parser, ">"))
			break;
		ret = separated ? parse_attribute(parser) : -EBADMSG;
		if (ret < 0)
			return ret;
	}
	parser->depth++;
	return 0;
}

/* Whether the innermost of @depth open elements is @name. */
static bool is_open(const struct parser *parser, unsigned int depth, const char *name)
{
	return parser->depth == depth && strcmp(parser->elements[depth - 1], name) == 0;
}

/* The place of the property that was just opened. */
static int find_target(struct parser *parser)
{
	parser->target = strcmp(parser->name, "Name") == 0   ? parser->item_name
			 : strcmp(parser->name, "Data") == 0 ? parser->item_data
							     : NULL;
	if (!parser->target)
		return 0;
	if (*parser->target || strcmp(parser->type, "string") != 0)
		return -EBADMSG;
	*parser->target = strdup("");
	return *parser->target ? 0 : -ENOMEM;
}

static int open_element(struct parser *parser)
{
	int ret = parse_start_tag(parser);

	if (ret < 0)
		return ret;
	if (parser->depth == 1)
		return is_open(parser, 1, "INSTANCE") && strcmp(parser->class, CLASS) == 0
			       ? 0
			       : -EBADMSG;
	if (is_open(parser, 2, "PROPERTY"))
		return find_target(parser);
	if (parser->depth == 2)
		parser->target = NULL;
	return 0;
}

/* After the name of an end tag, or of an empty element. */
static int close_element(struct parser *parser)
{
	if (parser->depth-- == 2)
		parser->target = NULL;
	return 0;
}

/* After '</'. */
static int parse_end_tag(struct parser *parser)
{
	char name[NAME_SIZE];
	int ret = parse_name(parser, name);

	if (ret < 0)
		return ret;
	skip_space(parser);
	if (!take(parser, ">") || strcmp(name, parser->elements[parser->depth - 1]) != 0)
		return -EBADMSG;
	return close_element(parser);
}

/* Text is of interest in the VALUE of a property, and must otherwise be white space. */
static int parse_text(struct parser *parser)
{
	struct text text = {};
	int ret = parse_characters(parser, '\0', &text);

	if (ret < 0) {
		free(text.bytes);
		return ret;
	}
	if (!is_open(parser, 3, "VALUE")) {
		if (parser->depth < 3 && text.bytes[strspn(text.bytes, " \t\r\n")])
			ret = -EBADMSG;
		free(text.bytes);
		return ret;
	}
	if (parser->target) {
		if (**parser->target)
			ret = -EBADMSG; /* a second VALUE, or an element in it */
		free(ret == 0 ? *parser->target : text.bytes);
		if (ret == 0)
			*parser->target = text.bytes;
		return ret;
	}
	free(text.bytes);
	return 0;
}

static int parse_step(struct parser *parser)
{
	int ret;

	if (take(parser, "</"))
		return parse_end_tag(parser);
	if (!take(parser, "<"))
		return *parser->at ? parse_text(parser) : -EBADMSG;
	ret = open_element(parser);
	return ret == 0 && parser->empty ? close_element(parser) : ret;
}

static int parse_instance(struct parser *parser)
{
	int ret;

	skip_space(parser);
	if (!take(parser, "<"))
		return -EBADMSG;
	ret = open_element(parser);
	if (ret == 0 && parser->empty)
		ret = close_element(parser);
	while (ret == 0 && parser->depth > 0)
		ret = parse_step(parser);
	if (ret < 0)
		return ret;
	skip_space(parser);
	return *parser->at || !*parser->item_name || !**parser->item_name || !*parser->item_data
		       ? -EBADMSG
		       : 0;
}

int kvp_xml_parse(const char *xml, char **name, char **data)
{
	struct parser parser = {.at = xml, .item_name = name, .item_data = data};
	int ret;

	*name = *data = NULL;
	ret = parse_instance(&parser);
	if (ret < 0) {
		free(*name);
		free(*data);
		*name = *data = NULL;
	}
	return ret;
}

static int append_escaped(struct text *text, const char *value)
{
	int ret = 0;

	for (; *value && ret == 0; value++) {
		switch (*value) {
		case '&':
			ret = append(text, "&amp;", 5);
			break;
		case '<':
			ret = append(text, "&lt;", 4);
			break;
		case '>':
			ret = append(text, "&gt;", 4);
			break;
		case '\r': /* a parser would read it as a line feed */
			ret = append(text, "&#13;", 5);
			break;
		default:
			ret = is_char((unsigned char)*value) ? append(text, value, 1) : -EINVAL;
		}
	}
	return ret;
}

static int append_property(struct text *text, const char *name, const char *type, const char *value)
{
	char head[64];
	int length = snprintf(head, sizeof(head), "<PROPERTY NAME=\"%s\" TYPE=\"%s\"><VALUE>", name,
			      type);
	int ret = append(text, head, length);

	if (ret == 0)
		ret = append_escaped(text, value);
	return ret == 0 ? append(text, "</VALUE></PROPERTY>", 19) : ret;
}

char *kvp_xml_format(const char *name, const char *data)
{
	static const char head[] = "<INSTANCE CLASSNAME=\"" CLASS "\">", tail[] = "</INSTANCE>";
	struct text text = {};
	int ret = *name ? append(&text, head, sizeof(head) - 1) : -EINVAL;

	if (ret == 0)
		ret = append_property(&text, "Name", "string", name);
	if (ret == 0)
		ret = append_property(&text, "Data", "string", data);
	if (ret == 0)
		ret = append_property(&text, "Source", "uint16", "0");
	if (ret == 0)
		ret = append(&text, tail, sizeof(tail) - 1);
	if (ret == 0)
		return text.bytes;
	free(text.bytes);
	errno = -ret;
	return NULL;
}
