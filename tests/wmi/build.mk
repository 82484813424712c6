# SPDX-License-Identifier: GPL-2.0-or-later
# Each test_NAME.c is a cmocka program for Windows, which runs under Wine.

WINDOWS_TESTS := $(patsubst tests/wmi/%.c,%,$(wildcard tests/wmi/test_*.c))
WINDOWS_PROGRAMS := $(WINDOWS_TESTS:%=$(WINDOWS)/%.exe)
CMOCKA = $$(tests/wmi/source.sh cmocka)

# What the configure step of cmocka finds in mingw-w64.
$(WINDOWS)/cmocka.o:
	@mkdir -p $(@D)
	$(MINGW)gcc -O1 -D__USE_MINGW_ANSI_STDIO=1 -DHAVE_INTTYPES_H -DHAVE_MALLOC_H -DHAVE_SIGNAL_H \
		-DHAVE_STRINGS_H -DHAVE_TIME_H -DHAVE_UNISTD_H -DHAVE_SNPRINTF -DHAVE_VSNPRINTF \
		-DHAVE_CLOCK_GETTIME -DHAVE_STRUCT_TIMESPEC -DHAVE_GCC_THREAD_LOCAL_STORAGE \
		-DWORDS_SIZEOF_VOID_P=8 -I$(CMOCKA)/include -c -o $@ $(CMOCKA)/src/cmocka.c

$(WINDOWS)/tests/wmi/%.o: WINDOWS_CPPFLAGS += -Wno-unused-parameter -I$(CMOCKA)/include
# What vmlogoff.exe needs from Windows.
SYSTEM_OBJECTS := $(patsubst %,$(WINDOWS)/trap/userspace/host/vmlogoff/%_windows.o,console system)
$(WINDOWS)/test_system.exe: $(SYSTEM_OBJECTS)
# A test that corrupts memory or has undefined behavior ends with a trap.
$(WINDOWS)/tests/wmi/%.o $(WINDOWS_OBJECTS:%=$(WINDOWS)/trap/%) $(SYSTEM_OBJECTS): CFLAGS := -O1 -g \
	-fsanitize=undefined -fsanitize-undefined-trap-on-error

$(WINDOWS)/trap/%.o: %.c
	@mkdir -p $(@D)
	$(MINGW)gcc $(WINDOWS_CFLAGS) $(CFLAGS) $(WINDOWS_CPPFLAGS) -c -o $@ $<

$(WINDOWS)/tests/wmi/%.version.o: userspace/host/windows/version.rc
	@mkdir -p $(@D)
	$(call windows-version,$*.exe,A test of hv-logoff)

# No program has a Hyper-V socket under Wine.
$(WINDOWS_PROGRAMS): $(WINDOWS)/%.exe: $(WINDOWS)/tests/wmi/%.o $(WINDOWS)/tests/wmi/%.version.o \
		$(patsubst %,$(WINDOWS)/trap/%,$(filter-out %/hvsocket.o,$(WINDOWS_OBJECTS))) \
		$(WINDOWS)/tests/wmi/fake_hvsocket.o $(WINDOWS)/cmocka.o
	$(MINGW)gcc $(WINDOWS_LDFLAGS) -o $@ $^ $(WINDOWS_LIBS)

# test_com loads the DLL. Its interfaces are those of the type library.
$(WINDOWS)/test_com.exe: $(WINDOWS)/com/hvlogoff_i.o | $(WINDOWS)/vmguestos.dll
$(WINDOWS)/tests/wmi/test_com.o: $(WINDOWS_TYPES)
$(WINDOWS)/tests/wmi/test_com.o: WINDOWS_CPPFLAGS += -I$(WINDOWS)/com

# The stand-in for Hyper-V's WMI provider.
HVWMI_OBJECTS := $(patsubst %.c,%.o,$(wildcard tests/wmi/provider/*.c)) userspace/host/windows/wide.o \
	$(KVP_VALUE_OBJECTS)
$(WINDOWS)/tests/wmi/provider/version.o: userspace/host/windows/version.rc
	@mkdir -p $(@D)
	$(call windows-version,hvwmi.dll,The stand-in for the WMI provider of Hyper-V)
$(WINDOWS)/hvwmi.dll: $(HVWMI_OBJECTS:%=$(WINDOWS)/%) $(WINDOWS)/tests/wmi/provider/version.o \
		tests/wmi/provider/hvwmi.def
	$(MINGW)gcc -shared $(WINDOWS_LDFLAGS) -o $@ $^ $(WINDOWS_LIBS)

windows-programs: $(WINDOWS_PROGRAMS) $(WINDOWS)/hvwmi.dll

# Signed installers of this release, of another build of it, and of a later one.
test-installers: PACKAGE = $(WINDOWS)/installers/hv-logoff
test-installers: SIGN = tests/wmi/sign.sh $(WINDOWS)/installers
test-installers: windows
	$(package)
	$(call installer,$(RELEASE),$(WINDOWS)/installers/first.msi)
	$(call installer,$(RELEASE),$(WINDOWS)/installers/same.msi)
	$(call installer,99.0.0,$(WINDOWS)/installers/later.msi)

test-windows: windows windows-programs test-installers
	tests/wmi/run.sh $(BUILD) $(WINDOWS_PROGRAMS)

# LIBHVEE is a folder with kvpctl.exe and dumpvms.exe of libhvee.
test-foreign: $(WINDOWS)/hvwmi.dll
	tests/wmi/foreign.py $(WINDOWS) $(LIBHVEE)

.PHONY: windows-programs test-installers test-windows test-foreign
