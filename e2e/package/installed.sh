#!/bin/sh
# Installs a package over a copy of this machine that forgets everything, in namespaces of its own, runs what it brought, and
# looks whether the network is what it was when all has gone.
# usage: unshare --mount --net --pid --fork sh installed.sh PACKAGE.deb ARCHIVE.tar.gz RESOURCES/linux
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset NODE_OPTIONS NODE_COMPILE_CACHE || true
work=$(mktemp -d)
mount -t tmpfs none "$work"
mkdir "$work/up" "$work/work" "$work/root"
cp "$1" "$work/up/package.deb"
cp "$2" "$work/up/archive.tar.gz"
cp -r "$3" "$work/up/scripts"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc none proc
mount --rbind /dev dev
mount -t tmpfs none run
mount -t tmpfs none tmp
ip link set lo up
# A way out, so that there is a main table to compare.
ip link add uplink type veth peer name far
ip link set far up
ip address add 192.0.2.2/24 dev uplink
ip link set uplink up
ip route add default via 192.0.2.1
inside() { chroot "$work/root" "$@"; }
say() { printf '== %s\n' "$1"; }
gone() { for path in "$@"; do [ -e "$path" ] || [ -L "$path" ] || echo "no $path"; done; }

# Programs of this machine that only say what they were asked; `enabled` is what the last answer to that would be.
mkdir -p run/systemd/system
rm -f usr/bin/systemctl
cat >usr/bin/systemctl <<'STUB'
#!/bin/sh
echo "systemctl $*" >>/run/systemctl.log
case "$*" in
"enable "*) : >/run/enabled ;;
"disable "*) rm -f /run/enabled ;;
"is-enabled "*) [ -e /run/enabled ] ;;
"stop "*) if [ -e /run/rhumbd.pid ]; then kill "$(cat /run/rhumbd.pid)"; while [ -e "/proc/$(cat /run/rhumbd.pid)" ]; do sleep 0.05; done; rm /run/rhumbd.pid; fi ;;
esac
STUB
chmod 755 usr/bin/systemctl
dpkg_quietly() {
  : >run/systemctl.log
  inside dpkg --force-depends --no-triggers "$@" >tmp/dpkg.log 2>&1 || { cat tmp/dpkg.log; exit 1; }
  grep -v 'is-enabled' run/systemctl.log || true
}
status() { inside dpkg-query -W -f "\${db:Status-Status}\\n" "$1"; }
network() {
  for family in -4 -6; do
    ip "$family" rule
    # Where to, and not for how long; the kernel's own addresses of links come and go with them.
    ip "$family" route show table all | sed 's/ expires [^ ]*//' | grep -v ' dev lo ' | sort
  done
  nft list ruleset
  cat etc/resolv.conf
  ls etc/resolv*
}

say install
dpkg_quietly -i /package.deb
status rhumb-daemon
say again
dpkg_quietly -i /package.deb
inside dpkg -V rhumb-daemon

say versions
inside rhumbd --version
inside rhumb version | head -1
inside rhumb-control --help | head -1
say licences
inside rhumb licenses | sed -n 's/^\(koffi\|ring\|libc\) .*/\1/p'
say 'hostile environment'
inside env NODE_OPTIONS='--require /nowhere.js' rhumbd --version
say manual
inside man -P cat rhumb 2>/dev/null | head -1 || inside sh -c 'zcat /usr/share/man/man1/rhumb.1.gz' | mandoc -T utf8 | head -1

start_daemon() {
  # As the unit does.
  mkdir -p run/rhumb
  chroot . rhumbd --statedir=/var/lib/rhumb --socket=/run/rhumb/rhumbd.sock --tun=rhumbt0 --port=0 >tmp/rhumbd.log 2>&1 &
  daemon=$!
  for _ in $(seq 100); do
    [ -S run/rhumb/rhumbd.sock ] && break
    sleep 0.1
  done
}
rhumb() { inside rhumb --socket /run/rhumb/rhumbd.sock "$@"; }

say daemon
sed -i 's/^FLAGS=.*/FLAGS="--tun=rhumbt0"/' etc/default/rhumbd
start_daemon
rhumb version --daemon | tail -1
rhumb status || true
sed -n 's/.*"engine":"\([a-z]*\)".*"event":"engine.picked".*/engine: \1/p' tmp/rhumbd.log
ip -br link show rhumbt0 | cut -d' ' -f1
kill "$daemon"
wait "$daemon" && echo 'ended in order'
ip link show rhumbt0 2>/dev/null || echo 'no interface left'

# A network, with an exit node that nobody is: all that leaves this machine is held back.
say network
network >tmp/before
mkdir -p tmp/control
chroot . rhumb-control serve --state-dir /tmp/control --listen 127.0.0.1:8080 --server-url http://127.0.0.1:8080 --base-domain lab.rhumb.net >tmp/control.log 2>&1 &
control=$!
for _ in $(seq 100); do
  inside curl -sf -m 2 'http://127.0.0.1:8080/key?v=130' >tmp/key.json && break
  sleep 0.1
done
inside rhumb-control users create lab --state-dir /tmp/control >tmp/user.log
key=$(inside rhumb-control preauthkeys create --user lab --expiration 1h --state-dir /tmp/control --output json | sed -n 's/.*"key": *"\([^"]*\)".*/\1/p')
start_daemon
rhumb up --login-server http://127.0.0.1:8080 --auth-key "$key" --exit-node 100.64.0.77 --timeout 20s >tmp/up.log 2>&1 || cat tmp/up.log
for _ in $(seq 50); do
  network >tmp/during
  nft list ruleset | grep -q 'drop' && ip rule | grep -q lookup && break
  sleep 0.1
done
if cmp -s tmp/before tmp/during; then
  echo 'the daemon changed nothing'
  cat tmp/up.log tmp/rhumbd.log
fi
nft list ruleset | grep -c 'drop' | sed 's/^[1-9].*/the way out is closed/'

# Killed, so that it can undo nothing itself.
kill -9 "$daemon"
wait "$daemon" || true
say 'remove after a crash'
dpkg_quietly -r rhumb-daemon
gone usr/lib/rhumb usr/sbin/rhumbd
ls -d var/lib/rhumb
network >tmp/after
diff tmp/before tmp/after && echo 'the network is as it was'

say 'back again'
dpkg_quietly -i /package.deb
start_daemon
echo "$daemon" >run/rhumbd.pid
for _ in $(seq 100); do
  rhumb status 2>/dev/null | grep -q '^100\.' && break
  sleep 0.1
done
say 'remove while it runs'
dpkg_quietly -r rhumb-daemon
wait "$daemon" || true
network >tmp/after
diff tmp/before tmp/after && echo 'the network is as it was'
kill "$control"

# The package with the desktop program has the same files, the scripts for it, and takes the other's place.
say 'desktop package'
dpkg_quietly -i /package.deb
inside dpkg-deb -R /package.deb /tmp/full
mkdir -p tmp/full/opt/Rhumb
printf '#!/bin/sh\n' >tmp/full/opt/Rhumb/rhumb-desktop
cp tmp/full/opt/Rhumb/rhumb-desktop tmp/full/opt/Rhumb/chrome-sandbox
chmod 755 tmp/full/opt/Rhumb/*
cp scripts/after-install.sh tmp/full/DEBIAN/postinst
cp scripts/before-remove.sh tmp/full/DEBIAN/prerm
cp scripts/after-remove.sh tmp/full/DEBIAN/postrm
sed -i 's/^Package: .*/Package: rhumb/; s/^Depends:.*/Provides: rhumb-daemon\nConflicts: rhumb-daemon\nReplaces: rhumb-daemon/' tmp/full/DEBIAN/control
inside dpkg-deb -Zgzip -z1 --root-owner-group --build /tmp/full /tmp/full.deb >tmp/build.log
echo '-- instead of the other'
dpkg_quietly -i --auto-deconfigure --force-conflicts /tmp/full.deb
status rhumb
readlink usr/bin/rhumb-desktop
stat -c %a opt/Rhumb/chrome-sandbox
echo '-- again'
dpkg_quietly -i /tmp/full.deb
echo '-- the other one purged'
: >var/lib/rhumb/kept
dpkg_quietly -P rhumb-daemon
ls var/lib/rhumb/kept
echo '-- removed'
dpkg_quietly -r rhumb
gone usr/bin/rhumb-desktop opt/Rhumb usr/sbin/rhumbd
echo '-- purged'
dpkg_quietly -P rhumb
gone var/lib/rhumb etc/default/rhumbd

say 'archive'
inside tar -xzf /archive.tar.gz -C /
inside rhumb version | head -1
say 'as rpm calls them'
for call in 'after-install.sh 1' 'after-install.sh 2' 'before-remove.sh 1' 'after-remove.sh 1' 'before-remove.sh 0' 'after-remove.sh 0'; do
  : >run/systemctl.log
  echo "-- $call"
  inside "/scripts/${call% *}" "${call#* }"
  grep -v 'is-enabled' run/systemctl.log || true
done
say end
