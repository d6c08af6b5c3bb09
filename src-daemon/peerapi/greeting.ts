/** The page for people who open a machine's PeerAPI in a browser. */
import type { Caller } from './caller.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? '');

export function greeting(caller: Caller, ip: string, pages: readonly string[]): string {
  const lines = [
    '<!DOCTYPE html>',
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<title>Rhumb</title>',
    `<h1>Hello, ${escaped(caller.owner)} (${escaped(ip)})</h1>`,
    `<p>This machine runs Rhumb. Yours is ${escaped(caller.name)}.`,
  ];
  if (caller.isOwner) lines.push('<p>You own this machine.');
  if (caller.mayDebug)
    lines.push('<ul>', ...pages.map((page) => `<li><a href="/v0/${page}">${page}</a>`), '</ul>');
  return `${lines.join('\n')}\n`;
}
