/** A real identity provider (oidc-provider) on loopback, with people that tests make, change and disable. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

export interface PersonClaims {
  readonly name?: string;
  readonly preferred_username?: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly picture?: string;
  readonly groups?: readonly string[];
}

export interface IdentityProviderOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  /** The same address again, after an earlier one was ended. */
  readonly port?: number;
  readonly host?: string;
  readonly idTokenLifeS?: number;
}

export class IdentityProvider implements AsyncDisposable {
  readonly issuer: string;
  readonly port: number;
  /** By subject; whoever is not here does not exist there. */
  readonly people = new Map<string, PersonClaims>();
  readonly #server: http.Server;

  private constructor(server: http.Server, issuer: string, port: number, options: IdentityProviderOptions) {
    this.#server = server;
    this.issuer = issuer;
    this.port = port;
    const provider = quietly(() => new Provider(issuer, this.#configuration(options)));
    server.on('request', provider.callback());
  }

  static async start(options: IdentityProviderOptions): Promise<IdentityProvider> {
    const server = http.createServer();
    const host = options.host ?? '127.0.0.1';
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, host, resolve);
    });
    const { port } = server.address() as AddressInfo;
    return new IdentityProvider(server, `http://${host}:${port}`, port, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #configuration(options: IdentityProviderOptions): Configuration {
    const life = options.idTokenLifeS ?? 3_600;
    return {
      clients: [
        {
          client_id: options.clientId,
          client_secret: options.clientSecret,
          redirect_uris: [options.redirectUri],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
      ],
      scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
      claims: {
        openid: ['sub'],
        profile: ['name', 'preferred_username', 'picture'],
        email: ['email', 'email_verified'],
        groups: ['groups'],
      },
      pkce: { required: () => true },
      cookies: { keys: ['only for tests'] },
      ttl: {
        IdToken: life,
        AccessToken: life,
        AuthorizationCode: 60,
        RefreshToken: 86_400,
        Session: 86_400,
        Interaction: 3_600,
        Grant: 86_400,
      },
      findAccount: (_context, subject) => {
        const claims = this.people.get(subject);
        return claims === undefined
          ? undefined
          : {
              accountId: subject,
              claims: () => ({ sub: subject, ...claims, groups: [...(claims.groups ?? [])] }),
            };
      },
    };
  }
}

/** It warns on the console of what would be wrong in production: keys and pages that are for development only. */
function quietly<T>(make: () => T): T {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return make();
  } finally {
    console.warn = warn;
  }
}
