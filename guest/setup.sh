#!/bin/sh
# Runs as root inside the new image, whichever way it is built, after its packages are there.
set -eu

useradd --create-home --uid 1000 --shell /bin/bash sshore

# What was only needed to build: the builder's apt options (a proxy, say), package lists, logs.
rm -f /etc/apt/apt.conf.d/99mmdebstrap
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/debconf/*-old
rm -rf /var/log/apt /var/log/dpkg.log /var/log/bootstrap.log /var/log/alternatives.log /var/lib/dpkg/*-old
