#!/bin/sh
# Before the desktop program's package goes, deb or rpm, for good: the service ends in order, and the network is what it was.
set -e

case "${1:-}" in
remove | 0) /usr/lib/rhumb/maintain removing ;;
esac
