/** GET /machine/ssh/action/<source>/to/<destination>: the address of a destination's question about an SSH session. */
import type { Asking } from '../ssh-check/ssh-check.ts';

const PATH = /^\/machine\/ssh\/action\/(\d{1,15})\/to\/(\d{1,15})$/;
/** Of a user on any system; they are names, not texts. */
const MAX_LOGIN = 256;

/** Undefined when the path is another; `malformed` when it is that one and the rest can't be right. */
export function sshAskingOf(path: string): Asking | 'malformed' | undefined {
  if (!path.startsWith('/machine/ssh/action/')) return undefined;
  const url = URL.parse(path, 'http://here.invalid');
  const match = PATH.exec(url?.pathname ?? '');
  const login = url?.searchParams.get('local_user') ?? '';
  if (url === null || match === null || login.length > MAX_LOGIN) return 'malformed';
  return {
    source: Number(match[1]),
    destination: Number(match[2]),
    login,
    waitingId: url.searchParams.get('auth_id') ?? undefined,
  };
}
