/** The second half of `up`: follows the daemon's messages until it runs, showing what the user must do (§4.2, §3.7). */
import { RhumbError } from '#shared/errors.ts';
import type { Notify } from '#shared/localapi/notify.ts';
import { State, type Status } from '#shared/localapi/status.ts';
import { goJson } from '../print/go-json.ts';
import { pickQrFormat, QR_FORMATS, type QrFormat } from '../print/qr-format.ts';
import type { Context } from './context.ts';
import { isOfficialServer } from './official-server.ts';
import type { FlagValues } from './spec.ts';

export interface Waiting {
  readonly flags: FlagValues;
  /** As it was before anything was asked for. */
  readonly status: Status;
  readonly controlUrl: string;
  /** The machine already waits for approval, and no message will say so. */
  readonly waitsForApproval: boolean;
  /** Called with why a login fails, each reason once; the daemon goes on trying. */
  readonly onTrouble: (why: string) => void;
}

interface Progress {
  isRunning: boolean;
  waitsForNewKey: boolean;
  /** The user was told to do something, so tell when it is done. */
  hasPrinted: boolean;
  lastUrl: string;
  lastTrouble: string;
}

const isOn = (flags: FlagValues, name: string): boolean => flags.has(name) && flags.bool(name);

/** Resolves once the daemon runs (after --force-reauth: with another key); throws when it says why it can't. */
export async function waitUntilUp(
  context: Context,
  messages: AsyncIterable<Notify>,
  waiting: Waiting,
): Promise<void> {
  const progress: Progress = {
    isRunning: false,
    waitsForNewKey: isOn(waiting.flags, 'force-reauth'),
    hasPrinted: false,
    lastUrl: '',
    lastTrouble: '',
  };
  if (waiting.waitsForApproval) tellApproval(context, waiting, progress);
  for await (const message of messages) {
    note(context, message, waiting, progress);
    if (progress.isRunning && !progress.waitsForNewKey) {
      if (isOn(waiting.flags, 'json')) context.out(`${goJson({ BackendState: 'Running' }, '  ')}\n`);
      else if (progress.hasPrinted) context.err('Success.\n');
      return;
    }
    await showUrl(context, message.BrowseToURL, waiting, progress);
  }
}

function note(context: Context, message: Notify, waiting: Waiting, progress: Progress): void {
  if (message.ErrMessage !== undefined)
    throw new RhumbError('unavailable', `backend error: ${message.ErrMessage}`);
  // The error itself: the text around it says that the user is logged out, who is just logging in.
  const trouble = message.Health?.Warnings?.['login-state']?.Args?.['error'] ?? '';
  if (trouble !== '' && trouble !== progress.lastTrouble) {
    progress.lastTrouble = trouble;
    waiting.onTrouble(trouble);
  }
  if (message.State === State.NeedsMachineAuth) tellApproval(context, waiting, progress);
  if (message.State !== undefined) progress.isRunning = message.State === State.Running;
  const key = message.SelfChange?.Key;
  if (message.SelfChange !== undefined && key !== waiting.status.Self.PublicKey)
    progress.waitsForNewKey = false;
}

function tellApproval(context: Context, waiting: Waiting, progress: Progress): void {
  progress.hasPrinted = true;
  if (isOn(waiting.flags, 'json')) {
    context.out(`${goJson({ BackendState: 'NeedsMachineAuth' }, '  ')}\n`);
    return;
  }
  const base = isOfficialServer(waiting.controlUrl) ? 'https://login.tailscale.com' : waiting.controlUrl;
  const url = `${base.replace(/\/$/, '')}/admin`;
  if (url === progress.lastUrl) return;
  progress.lastUrl = url;
  context.err(`\nTo approve your machine, visit (as admin):\n\n\t${url}\n\n`);
}

async function showUrl(
  context: Context,
  url: string | undefined,
  { flags, status }: Waiting,
  progress: Progress,
): Promise<void> {
  if (url === undefined || url === '' || url === progress.lastUrl) return;
  // With a key there is nothing to visit; the URL is of an earlier login that nobody finished.
  if (flags.text('auth-key') !== '') return;
  if (isOn(flags, 'force-reauth') && url === status.AuthURL) return;
  progress.hasPrinted = true;
  progress.lastUrl = url;
  if (isOn(flags, 'json')) {
    const { qrDataUrl } = await import('../print/qr.ts');
    const json = { AuthURL: url, QR: await qrDataUrl(url), BackendState: status.BackendState };
    context.out(`${goJson(json, '\t')}\n`);
    return;
  }
  context.err(`\nTo authenticate, visit:\n\n\t${url}\n\n`);
  if (!isOn(flags, 'qr')) return;
  const { renderQr } = await import('../print/qr.ts');
  context.err(`${renderQr(url, pickQrFormat(qrFormat(flags), context.env))}\n`);
}

const qrFormat = (flags: FlagValues): QrFormat =>
  QR_FORMATS.find((format) => format === flags.text('qr-format')) ?? 'auto';
