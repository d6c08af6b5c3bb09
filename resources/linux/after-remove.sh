#!/bin/sh
# After the files are gone, deb or rpm: the program's name and profile go too. An upgrade ends with this for the old version,
# when the new one is already there. `apt purge` also removes this machine's keys and accounts.
set -e

case "${1:-}" in
remove | 0)
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
  ;;
purge)
  # Another package may have brought the service meanwhile, and the accounts are its own now.
  if [ ! -e /usr/sbin/rhumbd ]; then
    rm -rf /var/lib/rhumb /var/cache/rhumb
    rm -f /etc/sysctl.d/99-rhumb.conf
  fi
  ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
