# SPDX-License-Identifier: GPL-2.0-or-later
# What is delivered for Windows, in one folder, and the installer.

PACKAGE = $(WINDOWS)/hv-logoff
INSTALLER := $(WINDOWS)/hv-logoff-$(RELEASE)-x64.msi
# A command that signs the file whose path is its last argument, as signtool sign does.
SIGN ?=
sign = $(if $(SIGN),$(SIGN) $(1))

# Makes $(PACKAGE). Its folder sdk is not installed.
define package
	rm -rf $(PACKAGE)
	install -D -t $(PACKAGE) $(addprefix $(WINDOWS)/,vmlogoff.exe vmguestos.dll)
	$(call sign,$(PACKAGE)/vmlogoff.exe)
	$(call sign,$(PACKAGE)/vmguestos.dll)
	install -D -m 644 -t $(PACKAGE)/sdk $(addprefix $(WINDOWS)/,libvmguestos.a libvmguestos.dll.a) \
		userspace/host/libvmguestos/vmguestos.h userspace/host/windows/com/hvlogoff.idl
	install -d $(PACKAGE)/docs
	for page in CHANGELOG.md docs/{com,hyper-v-host,kvp,powershell}.md; do \
		sed -E 's/\((docs\/)?(vmlogoff|libvmguestos)\.[13]\)/(\2.txt)/g' "$$page" \
			>"$(PACKAGE)/docs/$${page##*/}"; \
	done
	for page in vmlogoff.1 libvmguestos.3; do \
		groff -man -Tutf8 -rLL=90n -P-cbou "docs/$$page" >"$(PACKAGE)/docs/$${page%.*}.txt"; \
	done
	install -D -m 644 LICENSES/GPL-2.0 $(PACKAGE)/licenses/hv-logoff.txt
	install -D -m 644 $(JANSSON)/LICENSE $(PACKAGE)/licenses/jansson.txt
	install -D -m 644 /usr/share/doc/mingw-w64-common/copyright $(PACKAGE)/licenses/mingw-w64.txt
	cp -r userspace/host/powershell/HvLogoff $(PACKAGE)
endef

# It identifies all versions of the installer and never changes.
UPGRADE_CODE := {2C4F6E0B-7D0A-4B0E-9C57-0C5B8B1E6A43}

# $(call components,FOLDER,DIRECTORY,TESTS…): the files of a folder of the package, for a directory of
# the installer.
components = (cd $(PACKAGE)/$(1) && find * -type f $(3)) | sort | wixl-heat --prefix '' --win64 \
	--directory-ref $(2) --component-group $(2) --var var.$(2) >$(PACKAGE).$(2).wxs

# $(call installer,RELEASE,FILE): makes an installer of the package. wixl takes the paths of files
# relative to the current directory only, knows neither environment variables nor DLLs that register
# themselves, and ignores IncludeMaximum.
define installer
	$(call components,.,INSTALLDIR,! -path 'sdk/*' ! -path 'HvLogoff/*' ! -name '*.exe' ! -name '*.dll')
	$(call components,HvLogoff,MODULEDIR)
	cd $(PACKAGE) && wixl --arch x64 --define Win64=yes --define Release=$(1) \
		--define UpgradeCode='$(UPGRADE_CODE)' --define INSTALLDIR=. --define MODULEDIR=HvLogoff \
		--output $(abspath $(2)) $(abspath userspace/host/windows/installer.wxs \
		$(addprefix $(PACKAGE).,INSTALLDIR.wxs MODULEDIR.wxs))
	msibuild $(2) \
		-q "CREATE TABLE Environment (Environment CHAR(72) NOT NULL, Name CHAR(255) NOT NULL LOCALIZABLE, Value CHAR(255) LOCALIZABLE, Component_ CHAR(72) NOT NULL PRIMARY KEY Environment)" \
		-q "INSERT INTO Environment (Environment, Name, Value, Component_) VALUES ('Path', '=-*Path', '[~];[INSTALLDIR]', 'Vmlogoff')" \
		-q "CREATE TABLE SelfReg (File_ CHAR(72) NOT NULL, Cost INT PRIMARY KEY File_)" \
		-q "INSERT INTO SelfReg (File_, Cost) VALUES ('vmguestos.dll', 1)" \
		-q "INSERT INTO InstallExecuteSequence (Action, Sequence) VALUES ('SelfUnregModules', 2200)" \
		-q "INSERT INTO InstallExecuteSequence (Action, Sequence) VALUES ('SelfRegModules', 6500)" \
		-q "INSERT INTO InstallExecuteSequence (Action, Sequence) VALUES ('RemoveEnvironmentStrings', 3300)" \
		-q "INSERT INTO InstallExecuteSequence (Action, Sequence) VALUES ('WriteEnvironmentStrings', 5200)" \
		-q "DELETE FROM Upgrade WHERE ActionProperty = 'REPLACED'" \
		-q "INSERT INTO Upgrade (UpgradeCode, VersionMin, VersionMax, Attributes, ActionProperty) VALUES ('$(UPGRADE_CODE)', '0.0.0', '$(1)', 768, 'REPLACED')"
	$(call sign,$(2))
endef

windows: $(WINDOWS)/libvmguestos.a $(WINDOWS)/vmlogoff.exe $(WINDOWS)/vmguestos.dll \
		$(WINDOWS)/vmguestos.h
	$(package)

msi: windows
	$(call installer,$(RELEASE),$(INSTALLER))

.PHONY: windows msi
