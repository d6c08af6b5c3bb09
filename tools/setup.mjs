/**
 * Set-up of a clone, on any Node from 18: npm packages, Node 24, Debian packages, /dev/net/tun, the native engine, the pages.
 *
 *   node tools/setup.mjs                     sets up, says what it did and what it could not
 *   node tools/setup.mjs tools/start.ts …    sets up what is missing, then becomes that program under Node 24
 *
 * Nothing missing costs a few file reads. Each step is repeated until its stamp is written, so being killed
 * half-way only means that the next run does it again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const node = join(modules, 'node', 'bin', 'node');
const stampFile = join(modules, '.rhumb-setup.json');

/** Dependencies whose install scripts may run; every other package's stay off (.npmrc). */
const MAY_RUN_SCRIPTS = ['node'];
/** A program that the lab or the daemon calls, and the Debian package that brings it. */
const PROGRAMS = {
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  tcpdump: 'tcpdump',
  iperf3: 'iperf3',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
  setpriv: 'util-linux',
  mount: 'mount',
  curl: 'curl',
  ps: 'procps',
  sysctl: 'procps',
  conntrack: 'conntrack',
  dig: 'bind9-dnsutils',
  chromium: 'chromium',
  shellcheck: 'shellcheck',
};
/**
 * Debian starts these as services when it installs them, which nobody asked for on a machine in use: only where no
 * service manager runs, as in a container.
 */
const SERVICES = { turnutils_stunclient: 'coturn', miniupnpd: 'miniupnpd-nftables', named: 'bind9' };
if (!existsSync('/run/systemd/system')) Object.assign(PROGRAMS, SERVICES);
/** After a failed apt run, how long until the next one is worth its time. */
const APT_RETRY_MS = 3_600_000;
const LOCK_WAIT_MS = 600_000;

const say = (text) => process.stderr.write(`setup: ${text}\n`);
const isRoot = process.getuid?.() === 0;
// npm's own folder of programs comes first in PATH; the node in it is the one that npm is about to replace.
const outerPath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.endsWith(join('node_modules', '.bin')) && folder !== dirname(node))
  .join(delimiter);
const searched = [...outerPath.split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
const inPath = (program) => searched.some((folder) => folder !== '' && existsSync(join(folder, program)));

function readStamp() {
  try {
    const stamp = JSON.parse(readFileSync(stampFile, 'utf8'));
    return typeof stamp === 'object' && stamp !== null ? stamp : {};
  } catch {
    return {}; // absent or torn: everything is done again
  }
}

function writeStamp(change) {
  const temporary = `${stampFile}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify({ ...readStamp(), ...change }));
  renameSync(temporary, stampFile);
}

const hashOf = (...files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex');
};

/** What must be the same for node_modules to be right: the lock file, the machine kind, the rules of this file. */
const wanted = () =>
  `${hashOf(join(root, 'package-lock.json'))} ${process.platform}-${process.arch} ${MAY_RUN_SCRIPTS.join(',')}`;

const packagesAreThere = () => existsSync(node) && (readStamp().packages === wanted() || npmDidTheSame());

/**
 * Whether npm itself, called by a developer, installed exactly what the lock file says. npm writes its own list into
 * node_modules last, so that a torn install has none. Optional packages (other platforms) may be absent.
 */
function npmDidTheSame() {
  try {
    const packages = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;
    const there = packages(join(modules, '.package-lock.json'));
    for (const [path, entry] of Object.entries(packages(join(root, 'package-lock.json')))) {
      const same = path === '' || there[path]?.version === entry.version;
      if (!same && !(entry.optional && there[path] === undefined)) return false;
    }
    writeStamp({ packages: wanted() });
    return true;
  } catch {
    return false; // no install, or a torn one
  }
}

/** Runs a command, which ends when we are killed, lest two write the same files; its output is shown only when it fails. */
function run(command, args, options = {}) {
  const mortal = inPath('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
  const [program, ...words] = [...mortal, command, ...args];
  const result = spawnSync(program, words, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 << 20,
    ...options,
    env: { ...process.env, PATH: outerPath, ...options.env },
  });
  const failed = result.error !== undefined || result.status !== 0;
  if (failed) {
    const why =
      result.error?.message ?? `${result.stdout}${result.stderr}`.trim().split('\n').slice(-15).join('\n');
    say(`\`${[command, ...args].join(' ')}\` failed: ${why}`);
  }
  return !failed;
}

function installPackages() {
  const began = Date.now();
  say('installing npm packages');
  const quick = ['--include=dev', '--no-audit', '--no-fund', '--prefer-offline'];
  if (!run('npm', ['ci', '--ignore-scripts', ...quick])) return false;
  const scripts = { npm_config_ignore_scripts: 'false', npm_config_prefer_offline: 'true' };
  if (!run('npm', ['rebuild', ...MAY_RUN_SCRIPTS, '--ignore-scripts=false'], { env: scripts })) return false;
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim();
  if (version === undefined || !/^v(2[4-9]|[3-9]\d)\./.test(version)) {
    say(`the npm package node did not bring Node 24 or newer (it says ${version ?? 'nothing'})`);
    return false;
  }
  writeStamp({ packages: wanted() });
  say(`npm packages and Node ${version} are there (${Math.round((Date.now() - began) / 1000)} s)`);
  return true;
}

/** Debian packages for what the suites call; without root or apt it says the command and goes on. */
function installPrograms() {
  if (process.platform !== 'linux') return;
  const missing = Object.keys(PROGRAMS).filter((program) => !inPath(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))];
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const stamp = readStamp();
  const tried =
    stamp.aptFailed === packages.join(' ') && Date.now() - (stamp.aptFailedAt ?? 0) < APT_RETRY_MS;
  if (!isRoot || !inPath('apt-get') || tried) {
    say(
      `not installed: ${missing.join(', ')}; what needs them is skipped. To install: ${isRoot ? '' : 'sudo '}${command}`,
    );
    return;
  }
  say(`installing Debian packages: ${packages.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env });
  // A fresh machine has no package lists; one that has them need not fetch them again.
  const listed = existsSync('/var/lib/apt/lists') && readdirSync('/var/lib/apt/lists').length > 2;
  const ok = (listed && install()) || (run('apt-get', ['update'], { env }) && install());
  if (ok) say('Debian packages are there');
  else {
    writeStamp({ aptFailed: packages.join(' '), aptFailedAt: Date.now() });
    say(`not installed: ${missing.join(', ')}; what needs them is skipped. By hand: ${command}`);
  }
}

/** Containers often come without the device node although the kernel has TUN. */
function makeTunNode() {
  if (process.platform !== 'linux' || existsSync('/dev/net/tun') || !isRoot) return;
  mkdirSync('/dev/net', { recursive: true });
  if (run('mknod', ['-m', '0666', '/dev/net/tun', 'c', '10', '200'])) say('made /dev/net/tun');
}

function newestIn(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = entry.name === 'target' ? newest : Math.max(newest, newestIn(path));
    else newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

/** The native engine, where there is a toolchain; else the portable one serves, and this says so. */
function buildNative() {
  const native = join(root, 'native');
  if (!existsSync(join(native, 'Cargo.toml'))) return;
  if (readStamp().native === newestIn(native)) return;
  if (!inPath('cargo')) {
    say('no Rust toolchain here: the portable engine is used');
    return;
  }
  const before = newestIn(native);
  say('building the native engine');
  const began = Date.now();
  // Where the daemon looks for it, whatever else the developer builds elsewhere.
  const env = { CARGO_TARGET_DIR: join(native, 'target') };
  if (run('cargo', ['build', '--release', '--locked', '--lib'], { cwd: native, env })) {
    writeStamp({ native: before });
    say(`the native engine is there (${Math.round((Date.now() - began) / 1000)} s)`);
  } else say('the native engine did not build: the portable engine is used');
}

/** What the pages' files are made of; their stamp is good only while the files are there. */
const PAGE_SOURCES = [
  'src-renderer',
  ...['bridge', 'console', 'ui-state', 'localapi'].map((name) => join('src-shared', name)),
];
/** The app's own page, and the administrators' console that rhumb-control serves. */
const PAGES = ['app', 'console'];
const pageSources = () => PAGE_SOURCES.map((name) => newestIn(join(root, name))).join(' ');
const pagesAreBuilt = () =>
  PAGES.every((page) => existsSync(join(root, 'dist', page, 'index.html'))) &&
  readStamp().pages === pageSources();

/** Without them the programs that serve pages say so and do everything else. */
function buildPages() {
  if (pagesAreBuilt()) return;
  const before = pageSources();
  const vite = join(modules, 'vite', 'bin', 'vite.js');
  const config = join('src-renderer', 'vite.config.ts');
  const areBuilt = PAGES.map((page) => {
    say(`building the page \`${page}\``);
    return run(node, [vite, 'build', '--config', config, '--mode', page]);
  });
  if (areBuilt.every(Boolean)) writeStamp({ pages: before });
  else say('not every page did build: what serves it runs without');
}

/** One set-up of this clone at a time; a lock whose owner is gone is taken over. */
function withLock(work) {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const lock = join(tmpdir(), `rhumb-setup-${name}.lock`);
  const giveUpAt = Date.now() + LOCK_WAIT_MS;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let said = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (ownerIsGone(lock)) rmSync(lock, { force: true });
    else if (Date.now() > giveUpAt)
      throw new Error(`another set-up holds ${lock} for too long; end it or remove the file`);
    else {
      if (!said) say('waiting for another set-up of this clone');
      said = true;
      Atomics.wait(pause, 0, 0, 200);
    }
  }
  const free = () => rmSync(lock, { force: true });
  process.once('exit', free);
  try {
    return work();
  } finally {
    process.removeListener('exit', free);
    free();
  }
}

function ownerIsGone(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    const ageMs = Date.now() - statSync(lock).mtimeMs;
    // An empty file is a lock being written, unless it stays so; no set-up takes longer than we wait.
    if (!Number.isInteger(pid) || pid <= 0) return ageMs > 5_000;
    if (ageMs > LOCK_WAIT_MS) return true;
    process.kill(pid, 0);
    return isZombie(pid);
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Killed, and only not yet waited for by its parent. */
function isZombie(pid) {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && readFileSync(stat, 'latin1').split(') ').at(-1).startsWith('Z');
}

function setUp() {
  if (!packagesAreThere()) {
    const ok = withLock(() => packagesAreThere() || installPackages());
    if (!ok) return false;
  }
  const programsMissing = process.platform === 'linux' && !Object.keys(PROGRAMS).every(inPath);
  if (programsMissing) withLock(installPrograms);
  makeTunNode();
  if (existsSync(join(root, 'native', 'Cargo.toml'))) withLock(buildNative);
  if (!pagesAreBuilt()) withLock(buildPages);
  return true;
}

/**
 * Runs a program of this repository under the Node just set up, and lives and dies with it. The program has an IPC
 * channel to us, so that it notices when we are killed; we notice when npm, which started us, is.
 */
function become(program, args) {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, program), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env,
  });
  const pass = (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) child.kill('SIGTERM');
  }, 1_000);
  child.on('error', (error) => {
    clearInterval(watch);
    say(`cannot start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    clearInterval(watch);
    process.exitCode = code ?? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15, SIGHUP: 1 }[signal] ?? 0);
    if (child.connected) child.disconnect();
  });
}

const [program, ...args] = process.argv.slice(2);
if (!setUp()) process.exitCode = 1;
else if (program !== undefined) become(program, args);
else say('everything is there');
