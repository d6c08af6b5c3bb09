#!/bin/sh
# After the package of the desktop program is unpacked, deb or rpm: its name, its sandbox, the desktop's lists, the service.
set -e

app=/opt/Rhumb
ln -sf "$app/rhumb-desktop" /usr/bin/rhumb-desktop

# The sandbox needs user namespaces; where people may not make any, it has a program that root lends them. Root always may,
# and some systems let people make them only to do nothing there: so nobody tries, and becomes somebody in there.
if [ -f "$app/chrome-sandbox" ]; then
  if setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user true 2>/dev/null; then
    chmod 0755 "$app/chrome-sandbox"
  else
    chmod 4755 "$app/chrome-sandbox"
  fi
fi

# Only where the system knows the rule `userns`; elsewhere the profile would be refused, and nothing needs it.
profile=$app/resources/apparmor-profile
if [ -f "$profile" ] && [ -d /etc/apparmor.d ] && command -v apparmor_parser >/dev/null &&
  apparmor_parser --skip-kernel-load --debug "$profile" >/dev/null 2>&1; then
  install -m 0644 "$profile" /etc/apparmor.d/rhumb-desktop
  if [ -d /sys/kernel/security/apparmor ]; then
    apparmor_parser --replace --write-cache --skip-read-cache /etc/apparmor.d/rhumb-desktop || true
  fi
fi

if command -v update-desktop-database >/dev/null; then
  update-desktop-database -q /usr/share/applications || true
fi
if command -v gtk-update-icon-cache >/dev/null; then
  gtk-update-icon-cache -q -t -f /usr/share/icons/hicolor || true
fi

# dpkg: configure [version before]; rpm: how many are installed now.
case "${1:-} ${2:-}" in
"configure " | "1 ") /usr/lib/rhumb/maintain installed ;;
"configure "* | "2 ") /usr/lib/rhumb/maintain upgraded ;;
esac
