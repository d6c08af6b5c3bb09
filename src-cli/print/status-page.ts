/** The page of `rhumb status --web`. */
import type { PeerStatus, Status } from '#shared/localapi/status.ts';
import { displayName, ownerLogin } from './names.ts';
import { activity, comparePeers, notRunning } from './status.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);

const STYLE =
  ':root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}' +
  'th,td{text-align:left;padding:.3rem 1rem .3rem 0;border-bottom:1px solid #8884}';

const HEAD = ['IP', 'Hostname', 'Owner', 'OS', 'Status'];

export function renderStatusPage(status: Status, now: number): string {
  const why = notRunning(status);
  const peers = Object.values(status.Peer ?? {})
    .filter(({ ShareeNode }) => !ShareeNode)
    .sort(comparePeers);
  const health = (status.Health ?? []).map((text) => `<li>${escaped(text)}</li>`);
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Rhumb status</title>',
    `<style>${STYLE}</style><h1>${escaped(displayName(status, status.Self))}</h1>`,
    why === undefined ? '' : `<p>${escaped(why)}</p>`,
    health.length === 0 ? '' : `<h2>Health</h2><ul>${health.join('')}</ul>`,
    `<table><tr>${HEAD.map((cell) => `<th>${cell}</th>`).join('')}</tr>`,
    ...[status.Self, ...peers].map((peer) => row(status, peer, now)),
    '</table></html>\n',
  ].join('');
}

function row(status: Status, peer: PeerStatus, now: number): string {
  const cells = [
    peer.TailscaleIPs?.[0] ?? '',
    displayName(status, peer),
    ownerLogin(status, peer),
    peer.OS,
    activity(peer, now),
  ];
  return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
}
