# SPDX-License-Identifier: GPL-2.0-or-later
# Programs for Windows, cross-built by mingw-w64 into $(BUILD)/windows. They need no DLL that is not
# part of Windows.

MINGW ?= x86_64-w64-mingw32-
WINDOWS := $(BUILD)/windows
WINDOWS_CFLAGS = -std=c17 -D_GNU_SOURCE -D_WIN32_WINNT=0x0A00 -DCOBJMACROS -D__USE_MINGW_ANSI_STDIO=1 \
	-Wall -Wextra $(WERROR) -fstack-protector-strong \
	-Iuserspace/host/windows/include -Idriver/uapi -I. -MMD -MP
# ASLR in 64 bits, and no execution of data. GCC cannot emit the tables of Control Flow Guard.
WINDOWS_LDFLAGS := -static -fstack-protector-strong -Wl,--dynamicbase,--high-entropy-va,--nxcompat
WINDOWS_LIBS := -lole32 -loleaut32 -lwbemuuid -lws2_32 -ladvapi32
WINDOWS_VERSION := 1.1.0

$(WINDOWS)/%.o: %.c
	@mkdir -p $(@D)
	$(MINGW)gcc $(WINDOWS_CFLAGS) $(CFLAGS) $(WINDOWS_CPPFLAGS) -c -o $@ $<

# $(call windows-version,NAME,DESCRIPTION): the version resource of a file.
windows-version = $(MINGW)windres -O coff -DVERSION='$(WINDOWS_VERSION)' \
	-DVERSION_NUMBERS='$(subst .,$(comma),$(WINDOWS_VERSION)),0' -DFILE='$(1)' -DDESCRIPTION='$(2)' \
	userspace/host/windows/version.rc $@
comma := ,

# libvmguestos for Windows, whose machines are those of Hyper-V. It is a static library: strings and
# arrays that it returns are freed by the program's free().
WINDOWS_OBJECTS := $(patsubst %.c,%.o,$(wildcard userspace/host/windows/*.c)) \
	$(patsubst %,userspace/host/libvmguestos/%.o,guestos iid sessions task) $(KVP_MACHINE_OBJECTS)

# utc.c uses functions of POSIX that have other names, or need a macro.
$(WINDOWS)/userspace/shared/utc.o $(WINDOWS)/trap/userspace/shared/utc.o: WINDOWS_CPPFLAGS += \
	-D_POSIX_C_SOURCE=200809L -Dtimegm=_mkgmtime

$(WINDOWS)/libvmguestos.a: $(WINDOWS_OBJECTS:%=$(WINDOWS)/%)
	rm -f $@
	$(MINGW)ar rcs $@ $^

windows: $(WINDOWS)/libvmguestos.a

.PHONY: windows
