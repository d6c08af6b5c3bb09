/** The real systemd-resolved on a bus of its own: it is told of our names, again when it starts anew, and forgets them with us. */
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { bothAddresses, Daemon } from '../daemon.ts';
import type { Figures } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork } from '../network.ts';
import type { LabProcess } from '../process.ts';
import type { Scenario } from '../scenario.ts';
import { programFolders } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';
import { finds, lookUp } from './dns-system.ts';

const UPSTREAM = join(import.meta.dirname, '../programs/dns-upstream.ts');
const BASE = 'lab.rhumb.net';
/** Any that the host's own list of users does not have. */
const RESOLVE_UID = 64_997;
const STUB = '/run/systemd/resolve/stub-resolv.conf';

const BUS = `<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="signal"/>
    <allow receive_type="method_return"/><allow receive_type="error"/>
  </policy>
</busconfig>
`;

/** The program, and the library of its version where it was unpacked together with it. */
function resolvedProgram(): { readonly path: string; readonly env: Record<string, string> } {
  const folder = programFolders().find((one) => existsSync(join(one, 'systemd-resolved')));
  must(folder !== undefined, 'systemd-resolved is there');
  const library = join(folder, '../../usr/lib/x86_64-linux-gnu/systemd');
  return {
    path: join(folder, 'systemd-resolved'),
    env: existsSync(library) ? { LD_LIBRARY_PATH: library } : {},
  };
}

interface Services {
  readonly bus: LabProcess;
  startResolved(): Promise<LabProcess>;
}

async function startBus(host: Host): Promise<Services> {
  const run = join(host.folder, 'run');
  const etc = join(host.folder, 'etc');
  mkdirSync(join(run, 'dbus'), { recursive: true });
  mkdirSync(join(run, 'systemd/resolve'), { recursive: true });
  chownSync(join(run, 'systemd/resolve'), RESOLVE_UID, RESOLVE_UID);
  const users = readFileSync(join(etc, 'passwd'), 'utf8');
  if (!users.includes('systemd-resolve:')) {
    appendFileSync(
      join(etc, 'passwd'),
      `systemd-resolve:x:${RESOLVE_UID}:${RESOLVE_UID}::/:/usr/sbin/nologin\n`,
    );
    appendFileSync(join(etc, 'group'), `systemd-resolve:x:${RESOLVE_UID}:\n`);
  }
  const config = join(host.folder, 'bus.conf');
  writeFileSync(config, BUS);
  const bus = host.spawn({
    name: 'dbus-daemon',
    argv: ['dbus-daemon', `--config-file=${config}`, '--nofork', '--nopidfile'],
  });
  await until('the bus', () => existsSync(join(run, 'dbus/system_bus_socket')) || !bus.running);
  const { path, env } = resolvedProgram();
  const startResolved = async (): Promise<LabProcess> => {
    rmSync(join(run, 'systemd/resolve/stub-resolv.conf'), { force: true });
    const child = host.spawn({ name: 'systemd-resolved', argv: [path], env });
    await until('systemd-resolved', () => existsSync(join(host.folder, STUB)) || !child.running);
    must(child.running, `systemd-resolved ended: ${child.tail(10)}`);
    return child;
  };
  return { bus, startResolved };
}

async function run(lab: Lab): Promise<Figures> {
  const { lan, control, machines } = await privateNetwork(lab, 'beta');
  const [beta] = machines;
  must(beta !== undefined, 'beta is there');
  await control.rawCli('dns', 'set', '--magic-dns', 'on');
  const server = await lab.addHost('ns', { on: [lan] });
  const upstream = server.spawn({
    name: 'dns-upstream',
    argv: [process.execPath, UPSTREAM, server.v4, 'well', 'www.example.com=192.0.2.10'],
  });
  await until('the name server', () => upstream.tail(50).includes('ready'));

  const host = await lab.addHost('alpha', { on: [lan] });
  await host.ip('link set lo up');
  writeFileSync(join(host.folder, 'etc/systemd/resolved.conf'), `[Resolve]\nDNS=${server.v4}\nLLMNR=no\n`);
  const { startResolved } = await startBus(host);
  const resolved = await startResolved();
  rmSync(join(host.folder, 'etc/resolv.conf'));
  symlinkSync(STUB, join(host.folder, 'etc/resolv.conf'));
  await finds(host, 'www.example.com', '192.0.2.10');

  const alpha = await Daemon.start(host);
  await alpha.join({ server: control.url, authKey: await control.authKey() });
  const [v4] = bothAddresses((await beta.status()).Self ?? {});
  await finds(host, `beta.${BASE}`, v4);
  await finds(host, 'beta', v4);
  await finds(host, 'www.example.com', '192.0.2.10');
  must(alpha.process.output.includes('"mode":"systemd-resolved"'), 'it was found to be in charge');
  must(!existsSync(join(host.folder, 'etc/resolv.pre-rhumb-backup.conf')), 'no file was touched');

  await resolved.stop();
  const began = clock.monotonic();
  const again = await startResolved();
  await finds(host, `beta.${BASE}`, v4);
  const toldAgainMs = clock.monotonic() - began;

  await alpha.cli(['down']);
  await until('the names to be gone', async () => (await lookUp(host, `beta.${BASE}`)) === undefined);
  await finds(host, 'www.example.com', '192.0.2.10');
  await alpha.cli(['up']);
  await finds(host, `beta.${BASE}`, v4);
  // Its settings go with the interface.
  await alpha.process.kill();
  await until('the names to be gone', async () => (await lookUp(host, `beta.${BASE}`)) === undefined);
  await finds(host, 'www.example.com', '192.0.2.10');
  must(again.running, 'systemd-resolved lives');
  return { toldAgainMs };
}

export const dnsResolved: Scenario = {
  name: 'dns-resolved',
  what: 'systemd-resolved is told whom to ask for names of the network, also after it was started anew, and no longer when we are gone',
  needs: ['getent', 'dbus-daemon', 'systemd-resolved'],
  run,
};
