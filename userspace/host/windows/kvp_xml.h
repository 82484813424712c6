/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Key-value pairs as WMI exchanges them: the text of an embedded Msvm_KvpExchangeDataItem in CIM
 * DTD 2.0, as IWbemObjectTextSrc::GetText(WMI_OBJ_TEXT_CIM_DTD_2_0) writes it. Text is UTF-8.
 */
#ifndef HVL_KVP_XML_H
#define HVL_KVP_XML_H

/* What Hyper-V accepts as the longest value, in UTF-16 code units. */
#define KVP_XML_DATA_MAX 1023

/*
 * Formats an item of the host. A string for free(); NULL with errno: ENOMEM, or EINVAL if @name is
 * empty, or either contains a character that XML cannot express (control characters except
 * tab, line feed and carriage return).
 */
char *kvp_xml_format(const char *name, const char *data);

/*
 * Parses an item into strings for free(). A property without a value is "". Accepts one INSTANCE of
 * Msvm_KvpExchangeDataItem with the string properties Name and Data, each once; ignores its other
 * properties and its qualifiers. There are no DTDs, comments or processing instructions, and at
 * most 8 levels of elements. 0, -ENOMEM or -EBADMSG.
 */
int kvp_xml_parse(const char *xml, char **name, char **data);

#endif /* HVL_KVP_XML_H */
