// SPDX-License-Identifier: GPL-2.0-or-later
/* Key-value pairs as text of embedded instances. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/kvp_xml.h"

#define HEAD      "<INSTANCE CLASSNAME=\"Msvm_KvpExchangeDataItem\">"
#define TAIL      "</INSTANCE>"
#define NAME(v)   "<PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>" v "</VALUE></PROPERTY>"
#define DATA(v)   "<PROPERTY NAME=\"Data\" TYPE=\"string\"><VALUE>" v "</VALUE></PROPERTY>"
#define SOURCE(v) "<PROPERTY NAME=\"Source\" TYPE=\"uint16\"><VALUE>" v "</VALUE></PROPERTY>"

static void assert_item(const char *xml, const char *name, const char *data)
{
	_cleanup_free_ char *parsed_name = NULL, *parsed_data = NULL;

	assert_int_equal(kvp_xml_parse(xml, &parsed_name, &parsed_data), 0);
	assert_string_equal(parsed_name, name);
	assert_string_equal(parsed_data, data);
}

static void items_are_parsed(void **state)
{
	assert_item(HEAD NAME("a") DATA("b") TAIL, "a", "b");
	assert_item("\r\n" HEAD "\n" DATA("b") "\n" SOURCE("1") NAME("a") TAIL "\n", "a", "b");
	assert_item(HEAD NAME("a") "<PROPERTY NAME='Data' TYPE='string'/>" TAIL, "a", "");
	assert_item(HEAD NAME("a") "<PROPERTY NAME=\"Data\" PROPAGATED=\"true\" TYPE=\"string\">"
				   "</PROPERTY>" TAIL,
		    "a", "");
	assert_item(HEAD NAME("&lt;&amp;&gt;") DATA("&#x20AC;&#8364; \xe2\x82\xac") TAIL, "<&>",
		    "\xe2\x82\xac\xe2\x82\xac \xe2\x82\xac");
	assert_item(HEAD NAME("a") DATA("&#x1F600;&#13;&#10;&#x7ff;") TAIL, "a",
		    "\xf0\x9f\x98\x80\r\n\xdf\xbf");
}

static void other_properties_are_ignored(void **state)
{
	assert_item(HEAD "<QUALIFIER NAME=\"Name\" TYPE=\"string\"><VALUE>x</VALUE></QUALIFIER>"
			 "<PROPERTY.ARRAY NAME=\"Data\" TYPE=\"string\"><VALUE.ARRAY>"
			 "<VALUE>x</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>" NAME("a") DATA("b") TAIL,
		    "a", "b");
	assert_item(HEAD "<PROPERTY NAME=\"Name\" TYPE=\"string\">"
			 "<QUALIFIER NAME=\"key\"><VALUE>TRUE</VALUE></QUALIFIER>"
			 "<VALUE>a</VALUE></PROPERTY>" DATA("b") TAIL,
		    "a", "b");
}

static void invalid_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"text",
		HEAD,
		HEAD TAIL,
		HEAD NAME("a") TAIL,
		HEAD DATA("b") TAIL,
		HEAD NAME("") DATA("b") TAIL,
		HEAD NAME("a") NAME("a") DATA("b") TAIL,
		HEAD NAME("a") DATA("b") TAIL "x",
		HEAD NAME("a") DATA("b") TAIL HEAD TAIL,
		HEAD "x" NAME("a") DATA("b") TAIL,
		"<INSTANCE CLASSNAME=\"Msvm_Other\">" NAME("a") DATA("b") TAIL,
		"<INSTANCE>" NAME("a") DATA("b") TAIL,
		"<!DOCTYPE x>" HEAD NAME("a") DATA("b") TAIL,
		"<?xml version=\"1.0\"?>" HEAD NAME("a") DATA("b") TAIL,
		HEAD "<!-- -->" NAME("a") DATA("b") TAIL,
		HEAD NAME("a") DATA("<![CDATA[b]]>") TAIL,
		HEAD NAME("a") DATA("b<B/>c") TAIL,
		HEAD NAME("a") DATA("&none;") TAIL,
		HEAD NAME("a") DATA("&amp") TAIL,
		HEAD NAME("a") DATA("&#;") TAIL,
		HEAD NAME("a") DATA("&#0;") TAIL,
		HEAD NAME("a") DATA("&#xd800;") TAIL,
		HEAD NAME("a") DATA("&#x110000;") TAIL,
		HEAD NAME("a") DATA("&#x100000041;") TAIL,
		HEAD NAME("a") DATA("&#1a;") TAIL,
		HEAD NAME("a") DATA("\x01") TAIL,
		HEAD "<PROPERTY NAME=\"Name\" TYPE=\"uint16\"><VALUE>1</VALUE></PROPERTY>" DATA("b")
			TAIL,
		HEAD "<PROPERTY NAME=\"Name\"TYPE=\"string\"><VALUE>1</VALUE></PROPERTY>" DATA("b")
			TAIL,
		HEAD "<PROPERTY NAME=Name TYPE=\"string\"><VALUE>1</VALUE></PROPERTY>" DATA("b")
			TAIL,
		HEAD "<PROPERTY NAME=\"<\" TYPE=\"string\"></PROPERTY>" NAME("a") DATA("b") TAIL,
		HEAD "<PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>a</PROPERTY></VALUE>" DATA("b")
			TAIL,
		HEAD NAME("a") DATA("b") "</PROPERTY>",
	};

	for (size_t index = 0; index < ARRAY_SIZE(texts); index++) {
		char *name, *data;

		assert_int_equal(kvp_xml_parse(texts[index], &name, &data), -EBADMSG);
		assert_null(name);
		assert_null(data);
	}
}

/* Every part of a valid text up to its last byte is invalid. */
static void a_part_is_refused(void **state)
{
	static const char whole[] = HEAD NAME("a&amp;") DATA("&#10;b") SOURCE("0") TAIL;

	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		_cleanup_free_ char *part = strndup(whole, length);
		char *name, *data;

		assert_int_equal(kvp_xml_parse(part, &name, &data), -EBADMSG);
	}
	assert_item(whole, "a&", "\nb");
}

static void depth_is_limited(void **state)
{
	char *name, *data;

	assert_item(HEAD "<A><A><A><A><A><A><A></A></A></A></A></A></A></A>" NAME("a") DATA("b")
			    TAIL,
		    "a", "b");
	assert_int_equal(
		kvp_xml_parse(HEAD "<A><A><A><A><A><A><A><A></A></A></A></A></A></A></A></A>" NAME(
				      "a") DATA("b") TAIL,
			      &name, &data),
		-EBADMSG);
}

static void items_are_formatted(void **state)
{
	_cleanup_free_ char *plain = kvp_xml_format("HvLogoffRequest", "v=1");
	_cleanup_free_ char *odd = kvp_xml_format("<a>", "b & \"c\"\r\n</VALUE>");

	assert_string_equal(plain, HEAD NAME("HvLogoffRequest") DATA("v=1") SOURCE("0") TAIL);
	assert_item(odd, "<a>", "b & \"c\"\r\n</VALUE>");
}

static void what_xml_cannot_express_is_refused(void **state)
{
	errno = 0;
	assert_null(kvp_xml_format("a", "\x01"));
	assert_int_equal(errno, EINVAL);
	assert_null(kvp_xml_format("\x1b", "b"));
	assert_null(kvp_xml_format("", "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_parsed),
		cmocka_unit_test(other_properties_are_ignored),
		cmocka_unit_test(invalid_text_is_refused),
		cmocka_unit_test(a_part_is_refused),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(items_are_formatted),
		cmocka_unit_test(what_xml_cannot_express_is_refused),
	};

	return cmocka_run_group_tests_name("kvp_xml", tests, NULL, NULL);
}
