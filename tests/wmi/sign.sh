#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sign.sh FOLDER FILE: signs a file with a certificate that is made for the tests, in FOLDER.
set -euo pipefail

folder=${1:?}
file=${2:?}
[[ -e $folder/test.pem ]] || openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=hv-logoff-test \
	-addext extendedKeyUsage=codeSigning -keyout "$folder/test.key" -out "$folder/test.pem" 2>/dev/null
osslsigncode sign -h sha256 -certs "$folder/test.pem" -key "$folder/test.key" -n hv-logoff \
	-in "$file" -out "$file.signed" >/dev/null
mv "$file.signed" "$file"
