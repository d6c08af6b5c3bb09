/** A Headscale server on a host of the lab. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Host } from '../lab/host.ts';
import { until } from '../lab/wait.ts';
import { pathOf } from './programs.ts';

const PORT = 8080;
const made = z.object({ id: z.union([z.string(), z.number()]) });
const key = z.object({ key: z.string() });

export class Headscale {
  readonly url: string;
  readonly #host: Host;
  readonly #config: string;

  private constructor(host: Host) {
    this.#host = host;
    this.url = `http://${host.v4}:${PORT}`;
    this.#config = join(host.folder, 'headscale.yaml');
  }

  static async start(host: Host): Promise<Headscale> {
    const server = new Headscale(host);
    const folder = join(host.folder, 'headscale');
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, 'derp.yaml'), relayMap(host.v4));
    writeFileSync(server.#config, configText(folder, host.v4));
    const child = host.spawn({
      name: 'headscale',
      argv: [pathOf('headscale'), 'serve', '--config', server.#config],
    });
    await until('Headscale to answer', async () => {
      if (!child.running) return true;
      return (
        (await host.exec(['curl', '-sf', '-m', '2', `${server.url}/key?v=130`], { mayFail: true })).code === 0
      );
    });
    return server;
  }

  async #cli(...args: readonly string[]): Promise<unknown> {
    const argv = [pathOf('headscale'), ...args, '--config', this.#config, '--output', 'json'];
    return JSON.parse((await this.#host.exec(argv)).stdout);
  }

  async authKey(): Promise<string> {
    const { id } = made.parse(await this.#cli('users', 'create', 'lab'));
    return key.parse(await this.#cli('preauthkeys', 'create', '--user', `${id}`, '--reusable')).key;
  }
}

/** Headscale will not start without a relay; this one is named and never answers, so that all paths are direct. */
const relayMap = (address: string): string => `regions:
  900:
    regionid: 900
    regioncode: none
    regionname: None
    nodes:
      - name: 900a
        regionid: 900
        hostname: ${address}
        ipv4: ${address}
        stunport: -1
        derpport: 9
`;

const configText = (folder: string, address: string): string => `server_url: http://${address}:${PORT}
listen_addr: ${address}:${PORT}
metrics_listen_addr: 127.0.0.1:9090
grpc_listen_addr: 127.0.0.1:50443
disable_check_updates: true
noise:
  private_key_path: ${folder}/noise.key
prefixes:
  v4: 100.64.0.0/10
  v6: fd7a:115c:a1e0::/48
  allocation: sequential
derp:
  server:
    enabled: false
  urls: []
  paths:
    - ${folder}/derp.yaml
  auto_update_enabled: false
database:
  type: sqlite
  sqlite:
    path: ${folder}/db.sqlite
dns:
  magic_dns: false
  override_local_dns: false
  base_domain: lab.rhumb.net
unix_socket: ${folder}/headscale.sock
unix_socket_permission: "0700"
`;
