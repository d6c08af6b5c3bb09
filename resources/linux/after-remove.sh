#!/bin/sh
# After the desktop program is gone: its name and its profile go too. An upgrade removes the old one last, so the new one's stay.
set -e

case "${1:-}" in
upgrade | 1) exit 0 ;;
esac
if [ -L /usr/bin/rhumb-desktop ] && [ ! -e /usr/bin/rhumb-desktop ]; then
  rm -f /usr/bin/rhumb-desktop
fi
if [ -f /etc/apparmor.d/rhumb-desktop ]; then
  if command -v apparmor_parser >/dev/null && [ -d /sys/kernel/security/apparmor ]; then
    apparmor_parser --remove /etc/apparmor.d/rhumb-desktop || true
  fi
  rm -f /etc/apparmor.d/rhumb-desktop
fi
if command -v update-desktop-database >/dev/null; then
  update-desktop-database -q /usr/share/applications || true
fi
