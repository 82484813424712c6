# SPDX-License-Identifier: GPL-2.0-or-later

LOGOFFD_CFLAGS = $(shell pkg-config --cflags libsystemd)
LOGOFFD_LIBS = $(shell pkg-config --libs libsystemd)
LOGOFFD_OBJECTS := $(patsubst %.c,%.o,$(filter-out $(addprefix userspace/guest/,ctl/% notifier/%), \
	$(wildcard userspace/guest/*.c userspace/guest/*/*.c))) \
	$(patsubst %,userspace/shared/%.o,kvp_fields kvp_sessions kvp_value names text utc) driver/wire.o

LOGOFFCTL_CFLAGS = $(shell pkg-config --cflags libsystemd libkmod jansson)
LOGOFFCTL_LIBS = $(shell pkg-config --libs libsystemd libkmod jansson)
LOGOFFCTL_OWN := $(patsubst %.c,%.o,$(wildcard userspace/guest/ctl/*.c))
LOGOFFCTL_OBJECTS := $(LOGOFFCTL_OWN) $(patsubst %,userspace/%.o, \
	$(addprefix guest/,config system/process system/vmbus system/vsock_g2h transport/kvp_pool) \
	$(addprefix shared/,text utc))

$(LOGOFFD_OBJECTS:%=$(BUILD)/%): CPPFLAGS += $(LOGOFFD_CFLAGS)
$(LOGOFFCTL_OWN:%=$(BUILD)/%): CPPFLAGS += $(LOGOFFCTL_CFLAGS)

$(BUILD)/hv-logoffd: $(LOGOFFD_OBJECTS:%=$(BUILD)/%)
	$(CC) $(LDFLAGS) -o $@ $^ $(LOGOFFD_LIBS)

$(BUILD)/hv-logoffctl: $(LOGOFFCTL_OBJECTS:%=$(BUILD)/%)
	$(CC) $(LDFLAGS) -o $@ $^ $(LOGOFFCTL_LIBS)

NOTIFIER_OWN := $(patsubst %.c,%.o,$(wildcard userspace/guest/notifier/*.c))
NOTIFIER_OBJECTS := $(NOTIFIER_OWN) userspace/guest/log.o userspace/shared/text.o

$(NOTIFIER_OWN:%=$(BUILD)/%): CPPFLAGS += $(LOGOFFD_CFLAGS)

$(BUILD)/hv-logoff-notifier: $(NOTIFIER_OBJECTS:%=$(BUILD)/%)
	$(CC) $(LDFLAGS) -o $@ $^ $(LOGOFFD_LIBS)

all userspace: $(BUILD)/hv-logoffd $(BUILD)/hv-logoffctl $(BUILD)/hv-logoff-notifier

UNITDIR ?= $(PREFIX)/lib/systemd/system
UDEVDIR ?= $(PREFIX)/lib/udev

# Packages and the test images set DESTDIR. An existing configuration file is not overwritten.
install-guest: $(BUILD)/hv-logoffd $(BUILD)/hv-logoffctl
	install -D -m 755 $(BUILD)/hv-logoffd $(DESTDIR)$(PREFIX)/sbin/hv-logoffd
	install -D -m 755 $(BUILD)/hv-logoffctl $(DESTDIR)$(PREFIX)/sbin/hv-logoffctl
	install -D -m 644 userspace/guest/ctl/hv-logoffctl.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/hv-logoffctl
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|/usr/sbin|$(PREFIX)/sbin|' userspace/guest/hv-logoffd.service \
		>$(DESTDIR)$(UNITDIR)/hv-logoffd.service
	install -m 644 -t $(DESTDIR)$(UNITDIR) userspace/guest/hv-logoffd.socket
	install -D -m 644 -t $(DESTDIR)$(UDEVDIR)/rules.d userspace/guest/70-hv-logoff.rules
	[[ -e $(DESTDIR)/etc/hv-logoff/hv-logoffd.conf ]] || \
		install -D -m 644 -t $(DESTDIR)/etc/hv-logoff userspace/guest/hv-logoffd.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/dbus-1/system.d userspace/guest/org.hv_logoff1.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/polkit-1/actions \
		userspace/guest/org.hv_logoff1.policy
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 docs/hv-logoffd.8 docs/hv-logoffctl.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 docs/hv-logoffd.conf.5

# For guests with desktops.
install-notifier: $(BUILD)/hv-logoff-notifier
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/libexec $(BUILD)/hv-logoff-notifier
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/user/graphical-session.target.wants \
		$(DESTDIR)/etc/xdg/autostart
	sed 's|/usr/libexec|$(PREFIX)/libexec|' userspace/guest/notifier/hv-logoff-notifier.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/user/hv-logoff-notifier.service
	ln -sf ../hv-logoff-notifier.service \
		$(DESTDIR)$(PREFIX)/lib/systemd/user/graphical-session.target.wants/
	sed 's|/usr/libexec|$(PREFIX)/libexec|' userspace/guest/notifier/hv-logoff-notifier.desktop \
		>$(DESTDIR)/etc/xdg/autostart/hv-logoff-notifier.desktop
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 docs/hv-logoff-notifier.1

install: install-guest install-notifier

.PHONY: install-guest install-notifier
