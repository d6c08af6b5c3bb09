/** WebAuthn: what is asked of a browser, and what its answer proves; each question is asked once and only of that browser. */
import { createHash } from 'node:crypto';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { networkOf } from '../auth/network-of.ts';
import { Tickets } from '../oidc/tickets.ts';
import type { Network } from '../state/network.ts';
import { addPasskey, passkeysOf } from '../state/passkeys.ts';
import { isActive } from '../state/user-state.ts';
import { loginName } from '../state/users.ts';
import type { Actor, PasskeyRecord, UserRecord } from '../store/records.ts';
import { type PasskeySite, passkeySite } from './passkey-site.ts';

export interface PasskeyDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
}

/** How long somebody may take to touch the sensor. */
const ANSWER_MS = 5 * 60_000;
/** EdDSA, ES256, RS256: what every authenticator of today has one of. */
const ALGORITHMS = [-8, -7, -257];
const MAX_DETAIL = 200;

interface Question {
  readonly challenge: string;
  /** Who is to get a new passkey; undefined for a sign-in. */
  readonly userId: number | undefined;
}

export interface Asked {
  /** For a cookie: only the browser that was asked can answer. */
  readonly ticket: string;
  /** JSON for `navigator.credentials`. */
  readonly options: object;
}

export type Proof =
  | {
      readonly kind: 'proven';
      readonly user: UserRecord;
      readonly passkey: PasskeyRecord;
      readonly signCount: number;
    }
  | { readonly kind: 'refused'; readonly why: ProofRefusal };

export type ProofRefusal = 'over' | 'unknown' | 'bad-answer' | 'not-active';

const base64url = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^[\w-]+$/);
const credential = { id: base64url.max(1_400), rawId: base64url.max(1_400), type: z.literal('public-key') };
const signInAnswer = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.max(128).optional(),
  }),
});
const newPasskeyAnswer = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(32)).max(8).optional(),
  }),
});

export class Passkeys {
  readonly #deps: PasskeyDeps;
  readonly #questions: Tickets<Question>;
  readonly site: PasskeySite;

  constructor(deps: PasskeyDeps) {
    this.#deps = deps;
    this.#questions = new Tickets(deps.clock, ANSWER_MS);
    this.site = passkeySite(deps.serverUrl);
  }

  /** Whether a sign-in by passkey can come to anything here. */
  get isOffered(): boolean {
    return this.site.kind === 'usable' && this.#deps.network.passkeys.size > 0;
  }

  async askSignIn(from: string): Promise<Asked> {
    const { rpId } = this.#usable();
    const options = await generateAuthenticationOptions({
      rpID: rpId,
      userVerification: 'required',
      timeout: ANSWER_MS,
    });
    return { ticket: this.#issue(from, { challenge: options.challenge, userId: undefined }), options };
  }

  /** Who answered, if the answer holds. */
  async proveSignIn(ticket: string, answer: unknown): Promise<Proof> {
    const { rpId, origin } = this.#usable();
    const question = this.#questions.take(ticket);
    if (question === undefined || question.userId !== undefined) return refused('over');
    const given = signInAnswer.safeParse(answer);
    if (!given.success) return refused('bad-answer');
    const { network, log } = this.#deps;
    const passkey = network.passkeys.find('credentialId', given.data.id);
    const user = passkey === undefined ? undefined : network.user(passkey.userId);
    if (passkey === undefined || user === undefined) return refused('unknown');
    const { userHandle, ...response } = given.data.response;
    if (userHandle !== undefined && userHandle !== handleOf(user).toString('base64url'))
      return refused('unknown');
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: { ...given.data, response, clientExtensionResults: {} },
        expectedChallenge: question.challenge,
        expectedOrigin: origin,
        expectedRPID: rpId,
        // Also refuses a count that went back: a copy of the authenticator is at work (WebAuthn §6.1.1).
        credential: {
          id: passkey.credentialId,
          publicKey: Uint8Array.from(passkey.publicKey),
          counter: passkey.signCount,
        },
        requireUserVerification: true,
      });
      if (!verified) return refused('bad-answer');
      // As they are after the wait: what was removed meanwhile must not come back with its use.
      const now = network.user(user.id);
      if (now === undefined || network.passkeys.get(passkey.id) !== passkey) return refused('unknown');
      if (!isActive(now)) return refused('not-active');
      return { kind: 'proven', user: now, passkey, signCount: authenticationInfo.newCounter };
    } catch (error) {
      log('warn', 'passkey.refused', { user: user.name, passkey: passkey.id, why: detailOf(error) });
      return refused('bad-answer');
    }
  }

  async askNew(user: UserRecord, from: string): Promise<Asked> {
    const { rpId } = this.#usable();
    const options = await generateRegistrationOptions({
      rpName: 'Rhumb',
      rpID: rpId,
      userName: loginName(user),
      userDisplayName: user.displayName,
      userID: Uint8Array.from(handleOf(user)),
      timeout: ANSWER_MS,
      attestationType: 'none',
      excludeCredentials: passkeysOf(this.#deps.network, user.id).map(({ credentialId }) => ({
        id: credentialId,
      })),
      // Found by the authenticator itself, so that nobody types a name; and never without its own proof of the person.
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
    });
    return { ticket: this.#issue(from, { challenge: options.challenge, userId: user.id }), options };
  }

  /** The passkey that the browser made, now on record. Throws `bad-argument` when the answer does not hold. */
  async keepNew(
    user: UserRecord,
    ticket: string,
    answer: unknown,
    name: string,
    by: Actor,
  ): Promise<PasskeyRecord> {
    const { rpId, origin } = this.#usable();
    const { network, clock, log } = this.#deps;
    const question = this.#questions.take(ticket);
    if (question?.userId !== user.id)
      throw new RhumbError('bad-argument', 'this took too long, or was answered already: try again');
    const given = newPasskeyAnswer.safeParse(answer);
    const made = given.success
      ? await verifyRegistrationResponse({
          response: {
            ...given.data,
            response: {
              clientDataJSON: given.data.response.clientDataJSON,
              attestationObject: given.data.response.attestationObject,
            },
            clientExtensionResults: {},
          },
          expectedChallenge: question.challenge,
          expectedOrigin: origin,
          expectedRPID: rpId,
          requireUserVerification: true,
          supportedAlgorithmIDs: ALGORITHMS,
        }).catch((error: unknown) => {
          log('warn', 'passkey.refused', { user: user.name, why: detailOf(error) });
          return undefined;
        })
      : undefined;
    if (!given.success || made?.verified !== true)
      throw new RhumbError('bad-argument', 'what the browser made does not hold: try again');
    const fresh = made.registrationInfo.credential;
    return addPasskey(
      network,
      {
        userId: user.id,
        credentialId: fresh.id,
        publicKey: fresh.publicKey,
        signCount: fresh.counter,
        transports: given.data.response.transports ?? [],
        name,
      },
      clock.now(),
      by,
    );
  }

  #issue(from: string, question: Question): string {
    return this.#questions.issue(networkOf(from), () => question);
  }

  #usable(): { readonly rpId: string; readonly origin: string } {
    if (this.site.kind === 'unusable') throw new RhumbError('unavailable', this.site.why);
    return this.site;
  }
}

const refused = (why: ProofRefusal): Proof => ({ kind: 'refused', why });

/** By which authenticators know the user: the same for all passkeys, and telling nothing (WebAuthn §14.6.1). */
const handleOf = (user: UserRecord): Buffer =>
  createHash('sha256').update(`rhumb user ${user.id} ${user.createdAt}`).digest();

const detailOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
    .slice(0, MAX_DETAIL);
