#!/bin/sh
# Runs a step of the build that fetches packages; behind a proxy that signs with a certificate of its own, that one is
# trusted too: docker build --secret id=ca,src=ca.pem …
set -eu
if [ -s /run/secrets/ca ]; then
  export NODE_EXTRA_CA_CERTS=/run/secrets/ca PIP_CERT=/run/secrets/ca
fi
exec "$@"
