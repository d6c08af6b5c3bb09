#!/bin/sh
# Installs a package over a copy of this machine that forgets everything, in namespaces of its own, and runs what it brought.
# usage: unshare --mount --net --pid --fork sh installed.sh PACKAGE.deb
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset NODE_OPTIONS NODE_COMPILE_CACHE || true
work=$(mktemp -d)
mount -t tmpfs none "$work"
mkdir "$work/up" "$work/work" "$work/root"
cp "$1" "$work/up/package.deb"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc none proc
mount --rbind /dev dev
mount -t tmpfs none run
mount -t tmpfs none tmp
ip link set lo up
inside() { chroot "$work/root" "$@"; }
say() { printf '== %s\n' "$1"; }

# Programs of this machine that only say what they were asked.
mkdir -p run/stub
printf '#!/bin/sh\necho "systemctl $*" >>/run/systemctl.log\n' >run/stub/systemctl
chmod 755 run/stub/systemctl

say install
inside env PATH="/run/stub:$PATH" dpkg --force-depends --no-triggers -i /package.deb >tmp/dpkg.log 2>&1 || { cat tmp/dpkg.log; exit 1; }
inside dpkg-query -W -f '${db:Status-Status}\n' rhumb-daemon
say again
inside env PATH="/run/stub:$PATH" dpkg --force-depends --no-triggers -i /package.deb >tmp/dpkg.log 2>&1 || { cat tmp/dpkg.log; exit 1; }
inside dpkg -V rhumb-daemon
cat run/systemctl.log

say versions
inside rhumbd --version
inside rhumb version | head -1
inside rhumb-control --help | head -1
say 'hostile environment'
inside env NODE_OPTIONS='--require /nowhere.js' rhumbd --version
say manual
inside man -P cat rhumb 2>/dev/null | head -1 || inside sh -c 'zcat /usr/share/man/man1/rhumb.1.gz' | mandoc -T utf8 | head -1

say daemon
mkdir -p run/rhumb
chroot . rhumbd --statedir=/var/lib/rhumb --socket=/run/rhumb/rhumbd.sock --tun=rhumbt0 --port=0 >tmp/rhumbd.log 2>&1 &
daemon=$!
for _ in $(seq 100); do
  [ -S run/rhumb/rhumbd.sock ] && break
  sleep 0.1
done
inside rhumb --socket /run/rhumb/rhumbd.sock version --daemon | tail -1
inside rhumb --socket /run/rhumb/rhumbd.sock status || true
ip -br link show rhumbt0 | cut -d' ' -f1
kill "$daemon"
wait "$daemon" && echo 'ended in order'
ip link show rhumbt0 2>/dev/null || echo 'no interface left'

say remove
: >run/systemctl.log
inside env PATH="/run/stub:$PATH" dpkg --no-triggers -r rhumb-daemon >tmp/dpkg.log 2>&1 || { cat tmp/dpkg.log; exit 1; }
cat run/systemctl.log
ls usr/lib/rhumb usr/sbin/rhumbd 2>&1 | grep -c 'No such file'
ls -d var/lib/rhumb
say purge
inside env PATH="/run/stub:$PATH" dpkg --no-triggers -P rhumb-daemon >tmp/dpkg.log 2>&1 || { cat tmp/dpkg.log; exit 1; }
ls -d var/lib/rhumb etc/default/rhumbd 2>&1 | grep -c 'No such file'
say end
