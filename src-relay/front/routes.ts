/** The relay's paths on an HTTP server, its own or one that serves other things too. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type PageDeps, pathOf, relayPage } from './pages.ts';
import { type UpgradeDeps, upgradeRelay, wantsRelay } from './upgrade.ts';

export interface RelayRoutes {
  /** False when the request is not for the relay. */
  request(request: IncomingMessage, response: ServerResponse): boolean;
  /** False when the upgrade is not for the relay; then the socket is untouched. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean;
  /** Ends what is still connected. */
  destroyAll(): void;
}

/** For a server that exists already, such as the coordination server's. */
export function relayRoutes(pages: PageDeps, upgrades: UpgradeDeps): RelayRoutes {
  return {
    request: (request, response) => relayPage(pages, request, response),
    upgrade: (request, socket, head) => {
      if (pathOf(request) !== '/derp') return false;
      if (pages.servesDerp && wantsRelay(request) && socket instanceof Socket)
        upgradeRelay(upgrades, request, socket, head);
      else refuse(socket, upgrades);
      return true;
    },
    destroyAll: () => {
      for (const socket of upgrades.open) socket.destroy();
    },
  };
}

/** An upgrade to something else, as text: the server has given the socket away already. */
function refuse(socket: Duplex, upgrades: UpgradeDeps): void {
  upgrades.counters.refused++;
  socket.on('error', () => socket.destroy());
  const body = 'DERP requires connection upgrade\n';
  socket.end(
    'HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n' +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  );
}
