/** Requests on the channel's HTTP/2 session: one bounded answer, or a body that streams. */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { PassThrough, type Readable } from 'node:stream';
import { RhumbError } from '#shared/errors.ts';

export interface CallOptions {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH';
  /** Path and query. */
  readonly path: string;
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** What the request is for, in words for an error: "register with". */
  readonly what: string;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}

export interface StreamedAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Ends or fails with the request; destroying it cancels the request. */
  readonly body: Readable;
}

/** Sends a request and waits for the head of its answer; aborting the signal later still cancels it. */
export function startCall(session: ClientHttp2Session, options: CallOptions): Promise<StreamedAnswer> {
  const { signal } = options;
  if (signal.aborted) return Promise.reject(signal.reason);
  if (session.destroyed || session.closed) return Promise.reject(lost(options));
  const headers = { ':method': options.method, ':path': options.path };
  // Node ends a GET at once otherwise, and some calls of this protocol are GETs with a body.
  const stream = session.request(headers, { endStream: false });
  const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
  const body = detachBody(stream, cancel);
  signal.addEventListener('abort', cancel, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', cancel));
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      const why = signal.aborted ? signal.reason : lost(options, error);
      reject(why);
      body.destroy(why);
    };
    stream.once('error', fail);
    stream.once('close', () => {
      if (!stream.readableEnded || stream.rstCode !== constants.NGHTTP2_NO_ERROR) fail();
    });
    stream.once('response', (head) => {
      const retryAfter = head['retry-after'];
      resolve({ status: head[':status'] ?? 0, retryAfter: retryAfter?.toString(), body });
    });
    stream.end(options.body);
  });
}

/**
 * The body as a stream of its own. An Http2Stream calls itself `closed` as soon as the peer is done, and iterating over
 * it then fails with "premature close" although its data is still there to be read.
 */
function detachBody(stream: ClientHttp2Stream, cancel: () => void): Readable {
  const body = new PassThrough();
  // Failures reach whoever reads; nobody may be reading yet.
  body.on('error', () => undefined);
  body.once('close', cancel);
  stream.pipe(body);
  return body;
}

/** A request with an answer of at most `maxBody` bytes. */
export async function call(
  session: ClientHttp2Session,
  options: CallOptions & { readonly maxBody: number },
): Promise<Answer> {
  const { status, retryAfter, body } = await startCall(session, options);
  return { status, retryAfter, body: await readBody(body, options) };
}

/** A whole body, bounded; ends the request in every case. */
export async function readBody(
  stream: Readable,
  options: CallOptions & { readonly maxBody: number },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of stream as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > options.maxBody)
        throw new RhumbError('protocol', `${options.what} the control server: its answer is too long`);
      parts.push(part);
    }
  } catch (error) {
    options.signal.throwIfAborted();
    throw error instanceof RhumbError ? error : lost(options, error);
  } finally {
    stream.destroy();
  }
  return Buffer.concat(parts);
}

const lost = (options: CallOptions, cause?: unknown): RhumbError =>
  new RhumbError('unavailable', `${options.what} the control server: the connection was lost`, { cause });
