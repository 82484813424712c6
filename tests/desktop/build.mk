# SPDX-License-Identifier: GPL-2.0-or-later
# A desktop session with the notifier. Its packages are not needed for anything else.

DEPS_DESKTOP := dbus-daemon fonts-dejavu-core imagemagick x11-apps xfce4-notifyd xfce4-session xfwm4 xvfb

deps-desktop:
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS_DESKTOP)

$(BUILD)/tests/desktop/daemon.o: CPPFLAGS += $(LOGOFFD_CFLAGS)
$(BUILD)/tests/desktop/daemon: $(BUILD)/tests/desktop/daemon.o
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libsystemd)

test-desktop: $(BUILD)/hv-logoff-notifier $(BUILD)/tests/desktop/daemon
	tests/desktop/desktop.sh $(BUILD)

.PHONY: deps-desktop test-desktop
