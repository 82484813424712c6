# SPDX-License-Identifier: GPL-2.0-or-later
# Programs for Windows, cross-built by mingw-w64 into $(BUILD)/windows. They need no DLL that is not
# part of Windows.

MINGW ?= x86_64-w64-mingw32-
WINDOWS := $(BUILD)/windows
WINDOWS_CFLAGS = -std=c17 -D_GNU_SOURCE -D_WIN32_WINNT=0x0A00 -DCOBJMACROS -D__USE_MINGW_ANSI_STDIO=1 \
	-Wall -Wextra $(WERROR) -fstack-protector-strong \
	-Iuserspace/host/windows/include -Idriver/uapi -I. -MMD -MP
# ASLR in 64 bits, and no execution of data. GCC cannot emit the tables of Control Flow Guard;
# clang can from 16 on, but the C library of mingw-w64 10 has no load configuration to refer to them.
WINDOWS_LDFLAGS := -static -fstack-protector-strong -Wl,--dynamicbase,--high-entropy-va,--nxcompat
WINDOWS_LIBS := -lole32 -loleaut32 -lwbemuuid -lws2_32 -ladvapi32 -lsecur32 -luuid

$(WINDOWS)/%.o: %.c
	@mkdir -p $(@D)
	$(MINGW)gcc $(WINDOWS_CFLAGS) $(CFLAGS) $(WINDOWS_CPPFLAGS) -c -o $@ $<

# $(call windows-version,NAME,DESCRIPTION): the version resource of a file.
windows-version = $(MINGW)windres -O coff -DVERSION='$(RELEASE)' \
	-DVERSION_NUMBERS='$(subst .,$(comma),$(RELEASE)),0' -DFILE='$(1)' -DDESCRIPTION='$(2)' \
	userspace/host/windows/version.rc $@
comma := ,

# libvmguestos for Windows, whose machines are those of Hyper-V. It is a static library: strings and
# arrays that it returns are freed by the program's free().
WINDOWS_OBJECTS := $(patsubst %.c,%.o,$(wildcard userspace/host/windows/*.c)) \
	$(patsubst %,userspace/host/libvmguestos/%.o,events guestos iid sessions task \
		$(addprefix transport/,vsock vsock_channel vsock_events vsock_link vsock_request)) \
	$(KVP_MACHINE_OBJECTS) $(WIRE_HOST_OBJECTS)

# utc.c uses functions of POSIX that have other names, or need a macro.
$(WINDOWS)/userspace/shared/utc.o $(WINDOWS)/trap/userspace/shared/utc.o: WINDOWS_CPPFLAGS += \
	-D_POSIX_C_SOURCE=200809L -Dtimegm=_mkgmtime

$(WINDOWS)/libvmguestos.a: $(WINDOWS_OBJECTS:%=$(WINDOWS)/%)
	rm -f $@
	$(MINGW)ar rcs $@ $^

# Without a configure step.
JANSSON = $$(tests/wmi/source.sh jansson)
$(WINDOWS)/libjansson.a: $(wildcard userspace/host/windows/include/jansson*.h)
	@mkdir -p $(WINDOWS)/jansson
	rm -f $@
	cd $(WINDOWS)/jansson && sources=$$(cd $(CURDIR) && echo $(JANSSON)/src) && \
		$(MINGW)gcc $(CFLAGS) -fstack-protector-strong -D__USE_MINGW_ANSI_STDIO=1 -DHAVE_CONFIG_H \
		-I"$$sources" -I$(CURDIR)/userspace/host/windows/include -c "$$sources"/*.c
	$(MINGW)ar rcs $@ $(WINDOWS)/jansson/*.o

# wmain() is in console_windows.c. winpthreads is part of mingw-w64.
WINDOWS_VMLOGOFF := $(patsubst %.c,$(WINDOWS)/%.o,$(filter-out %_posix.c,$(VMLOGOFF_SOURCES)))
$(WINDOWS_VMLOGOFF): WINDOWS_CPPFLAGS += -I$(JANSSON)/src
$(WINDOWS)/vmlogoff.version.o: userspace/host/windows/version.rc userspace/shared/release.h
	@mkdir -p $(@D)
	$(call windows-version,vmlogoff.exe,Logs off the users of virtual machines)
# The texts of the entries in the Application log; the installer registers vmlogoff.exe for them.
$(WINDOWS)/audit.o: userspace/host/windows/audit.mc
	@mkdir -p $(WINDOWS)/audit
	$(MINGW)windmc -U -h $(WINDOWS)/audit -r $(WINDOWS)/audit $<
	$(MINGW)windres -I $(WINDOWS)/audit -O coff $(WINDOWS)/audit/audit.rc $@
$(WINDOWS)/vmlogoff.exe: $(WINDOWS_VMLOGOFF) $(WINDOWS)/vmlogoff.version.o $(WINDOWS)/audit.o \
		$(WINDOWS)/libvmguestos.a $(WINDOWS)/libjansson.a
	$(MINGW)gcc -municode $(WINDOWS_LDFLAGS) -o $@ $^ $(WINDOWS_LIBS) -lpthread

# vmguestos.dll: the library, and the COM server on top of it.
COM := userspace/host/windows/com
COM_OBJECTS := $(patsubst %.c,$(WINDOWS)/%.o,$(wildcard $(COM)/*.c)) $(WINDOWS)/com/hvlogoff_i.o
WINDOWS_TYPES := $(WINDOWS)/com/hvlogoff.h $(WINDOWS)/com/hvlogoff_i.c $(WINDOWS)/com/hvlogoff.tlb
# The interfaces that COM defines, and its type library, of the package libwine-dev.
WIDL_FLAGS := --win64 -I/usr/include/wine/wine/windows -L/usr/lib/x86_64-linux-gnu/wine/x86_64-windows

$(WINDOWS_TYPES) &: $(COM)/hvlogoff.idl
	@mkdir -p $(@D)
	$(MINGW)widl $(WIDL_FLAGS) -h -H $(WINDOWS)/com/hvlogoff.h -u -U $(WINDOWS)/com/hvlogoff_i.c \
		-t -T $(WINDOWS)/com/hvlogoff.tlb $<
$(COM_OBJECTS): $(WINDOWS_TYPES)
$(COM_OBJECTS): WINDOWS_CPPFLAGS += -I$(WINDOWS)/com
$(WINDOWS)/com/hvlogoff_i.o: $(WINDOWS)/com/hvlogoff_i.c
	$(MINGW)gcc $(WINDOWS_CFLAGS) $(CFLAGS) -c -o $@ $<
$(WINDOWS)/com/types.o: $(COM)/hvlogoff.rc $(WINDOWS_TYPES)
	$(MINGW)windres -O coff -I $(WINDOWS)/com $< $@
$(WINDOWS)/com/version.o: userspace/host/windows/version.rc userspace/shared/release.h
	@mkdir -p $(@D)
	$(call windows-version,vmguestos.dll,Logs off the users of virtual machines)
$(WINDOWS)/vmguestos.dll: $(COM_OBJECTS) $(WINDOWS)/com/types.o $(WINDOWS)/com/version.o \
		$(COM)/vmguestos.def $(WINDOWS)/libvmguestos.a
	$(MINGW)gcc -shared $(WINDOWS_LDFLAGS) -Wl,--out-implib,$(WINDOWS)/libvmguestos.dll.a -o $@ $^ \
		$(WINDOWS_LIBS)
$(WINDOWS)/vmguestos.h: userspace/host/libvmguestos/vmguestos.h
	@mkdir -p $(@D)
	cp $< $@
