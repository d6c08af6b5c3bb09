/** Every key of a Headscale configuration: what it is here, or why it is nothing (coordination-server.md §17). */
import {
  asFlag,
  asList,
  asListen,
  asNumber,
  asSpan,
  asText,
  type Rule,
  type Sheet,
  seconds,
} from './sheet.ts';

/** Ours under another name. */
const as =
  (to: string, read: (value: unknown) => unknown = asText): Rule =>
  (value, key, sheet) =>
    sheet.put(to, read(value), key);
const file =
  (to: string): Rule =>
  (value, key, sheet) =>
    sheet.put(to, sheet.file(value), key);
/** Only where another key says that it counts. */
const under =
  (isUsed: (sheet: Sheet) => boolean, rule: Rule): Rule =>
  (value, key, sheet) => {
    if (isUsed(sheet)) rule(value, key, sheet);
  };
const ignored =
  (why: string): Rule =>
  (_value, key, sheet) =>
    sheet.ignore(key, why);
/** What is so here anyway needs no word. */
const unless =
  (usual: unknown, why: string): Rule =>
  (value, key, sheet) => {
    if (asFlag(value) !== usual && value !== usual) sheet.ignore(key, why);
  };
/** Read together with another key. */
const silent: Rule = () => undefined;

const hasRelay = (sheet: Sheet): boolean => sheet.isOn('derp.server.enabled');
const relay = (to: string, read?: (value: unknown) => unknown): Rule =>
  under(hasRelay, as(`relay.${to}`, read));
const hasAcme = (sheet: Sheet): boolean => sheet.get('tls_letsencrypt_hostname') !== undefined;
const hasOidc = (sheet: Sheet): boolean => sheet.get('oidc.issuer') !== undefined;
const oidc = (to: string, read?: (value: unknown) => unknown): Rule => under(hasOidc, as(`oidc.${to}`, read));

const LEVELS: Readonly<Record<string, string>> = {
  trace: 'debug',
  panic: 'error',
  fatal: 'error',
  warning: 'warn',
};

const IN_STATE =
  'the state is a database of its own in the state directory; import headscale --config reads the one named here';
const TUNING = 'there is nothing to tune: this server batches by itself';
const OWN_CLI = 'commands here reach a server elsewhere with --address and --api-key';

const acmeHostname: Rule = (value, key, sheet) => {
  const url = URL.parse(String(sheet.get('server_url') ?? ''));
  if (url !== null && url.hostname !== String(value).toLowerCase())
    sheet.ignore(key, `the certificate is for the host of server_url, ${url.hostname}`);
  // Without a word of it the other way would be taken.
  sheet.put('acme.challenge', 'http-01', key);
};

const stunPort: Rule = (value, key, sheet) => {
  const port = /:(\d{1,5})$/.exec(String(value))?.[1];
  if (!/^(?:|0\.0\.0\.0|\[::\]):\d+$/.test(String(value)))
    sheet.ignore(key, 'of this only the port counts: STUN is answered where the relay is');
  sheet.put('relay.stunPorts', port === undefined ? value : [Number(port)], key);
};

const probes =
  (to: string): Rule =>
  (value, key, sheet) => {
    if (seconds(value) === 0) sheet.ignore(key, 'routers that stand in for each other are always watched');
    else sheet.put(to, asSpan(value), key);
  };

const secretFile: Rule = (value, key, sheet) => {
  // Where systemd puts credentials is only known to the process.
  const path = String(value).replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (_all, braced: string | undefined, bare: string | undefined) => process.env[braced ?? bare ?? ''] ?? '',
  );
  sheet.put('oidc.clientSecretFile', sheet.file(path), key);
};

const policyPath: Rule = (value, key, sheet) => {
  if (sheet.get('policy.mode') === 'database')
    sheet.ignore(key, 'policy.mode is database: import headscale takes the policy from there');
  else sheet.put('policy.path', sheet.file(value), key);
};

export const RULES: Readonly<Record<string, Rule>> = {
  server_url: as('serverUrl'),
  listen_addr: as('listen', asListen),
  metrics_listen_addr: as('metricsListen', asListen),
  grpc_listen_addr: ignored('there is no gRPC: the HTTP API has the same calls'),
  grpc_allow_insecure: ignored('there is no gRPC'),
  trusted_proxies: as('trustedProxies', asList),
  /** Not a key of Headscale, which overlooks it: so that one file can serve both. */
  data_dir: file('stateDir'),
  disable_check_updates: unless(true, 'this server never asks whether there is a newer one'),
  unix_socket: ignored('commands use admin.sock in the state directory'),
  unix_socket_permission: ignored('admin.sock is its owner’s alone'),
  randomize_client_port: ignored('write "randomizeClientPort": true into the policy'),

  'noise.private_key_path': ignored(
    'the key is in the state: import headscale --config takes it over from here',
  ),

  'prefixes.v4': as('addresses.v4'),
  'prefixes.v6': as('addresses.v6'),
  'prefixes.allocation': as('addresses.strategy'),

  'derp.server.enabled': as('relay.enabled', asFlag),
  'derp.server.region_id': relay('regionId', asNumber),
  'derp.server.region_code': relay('regionCode'),
  'derp.server.region_name': relay('regionName'),
  'derp.server.verify_clients': relay('verifyClients', asFlag),
  'derp.server.stun_listen_addr': under(hasRelay, stunPort),
  'derp.server.ipv4': relay('ipv4'),
  'derp.server.ipv6': relay('ipv6'),
  'derp.server.private_key_path': under(
    hasRelay,
    ignored('import headscale --config makes it relay.key in the state directory'),
  ),
  'derp.server.automatically_add_embedded_derp_region': under(
    hasRelay,
    unless(
      true,
      'the relay’s region is always offered; a region of the same number in derp.paths goes over it',
    ),
  ),
  'derp.urls': as('derpMapUrls', asList),
  'derp.paths': as('derpMapFiles', asList),
  'derp.auto_update_enabled': unless(
    true,
    'maps from the web are always looked up again, see derp.update_frequency',
  ),
  'derp.update_frequency': as('derpMapRefresh', asSpan),

  'node.expiry': as('keyExpiry', asSpan),
  'node.ephemeral.inactivity_timeout': as('ephemeralTimeout', asSpan),
  'node.routes.ha.probe_interval': probes('routing.probeInterval'),
  'node.routes.ha.probe_timeout': probes('routing.probeTimeout'),
  ephemeral_node_inactivity_timeout: (value, key, sheet) => {
    if (sheet.get('node.ephemeral.inactivity_timeout') === undefined)
      sheet.put('ephemeralTimeout', asSpan(value), key);
  },
  'preauth_keys.revoked_retention': ignored('used and revoked keys stay in the list until they are deleted'),

  'database.type': (value, key, sheet) => {
    if (value !== 'sqlite' && value !== 'sqlite3')
      sheet.ignore(
        key,
        'the state is a SQLite database; import headscale reads SQLite only, so move there first',
      );
  },
  'database.debug': ignored(IN_STATE),
  'database.sqlite.path': ignored(IN_STATE),
  'database.sqlite.write_ahead_log': unless(true, 'the database here always has a write-ahead log'),
  'database.sqlite.wal_autocheckpoint': ignored(IN_STATE),

  acme_url: under(hasAcme, as('acme.directoryUrl')),
  acme_email: under(hasAcme, as('acme.email')),
  tls_letsencrypt_hostname: acmeHostname,
  tls_letsencrypt_cache_dir: under(hasAcme, ignored('certificates are kept in the state directory')),
  tls_letsencrypt_challenge_type: under(
    hasAcme,
    as('acme.challenge', (value) => String(value).toLowerCase()),
  ),
  tls_letsencrypt_listen: under(hasAcme, as('acme.httpListen', asListen)),
  tls_cert_path: file('tlsCert'),
  tls_key_path: file('tlsKey'),

  'log.level': as('logLevel', (value) => LEVELS[String(value).toLowerCase()] ?? asText(value)),
  'log.format': unless('json', 'the log is one JSON object in a line'),

  'policy.mode': silent,
  'policy.path': policyPath,

  'dns.magic_dns': as('dns.magicDns', asFlag),
  'dns.base_domain': as('baseDomain'),
  'dns.override_local_dns': as('dns.overrideLocalDns', asFlag),
  'dns.nameservers.global': as('dns.nameservers', asList),
  'dns.nameservers.split': (value, key, sheet) =>
    sheet.put(
      'dns.splitDns',
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([domain, list]) => [domain, asList(list)]))
        : value,
      key,
    ),
  'dns.search_domains': as('dns.searchDomains', asList),
  'dns.extra_records': as('dns.extraRecords', (value) => value),
  'dns.extra_records_path': file('dns.extraRecordsPath'),

  'oidc.issuer': as('oidc.issuer'),
  'oidc.client_id': oidc('clientId'),
  'oidc.client_secret': oidc('clientSecret'),
  'oidc.client_secret_path': under(hasOidc, secretFile),
  'oidc.scope': oidc('scopes', asList),
  'oidc.extra_params': oidc('extraParams', (value) => value),
  'oidc.allowed_domains': oidc('allowedDomains', asList),
  'oidc.allowed_users': oidc('allowedUsers', asList),
  'oidc.allowed_groups': oidc('allowedGroups', asList),
  'oidc.email_verified_required': oidc('emailVerifiedRequired', asFlag),
  'oidc.only_start_if_oidc_is_available': oidc('onlyStartIfAvailable', asFlag),
  'oidc.use_expiry_from_token': under(
    (sheet) => hasOidc(sheet) && sheet.isOn('oidc.use_expiry_from_token'),
    as('oidc.expiry', () => 'token'),
  ),
  'oidc.expiry': under(
    (sheet) => hasOidc(sheet) && !sheet.isOn('oidc.use_expiry_from_token'),
    as('oidc.expiry', asSpan),
  ),
  'oidc.pkce.enabled': under(
    hasOidc,
    unless(true, 'PKCE is always used: a provider that does not know it overlooks it'),
  ),
  'oidc.pkce.method': under(hasOidc, unless('S256', 'the method is always S256')),
  'oidc.strip_email_domain': ignored('names come from the claims in usernameClaims'),
  'oidc.map_legacy_users': ignored('a user made by hand becomes the provider’s with linkByEmail'),

  'logtail.enabled': unless(false, 'machines are always told to send their logs to nobody'),
  'taildrop.enabled': unless(true, 'machines of one user may always send each other files'),
  'auto_update.enabled': unless(false, 'machines update themselves only where their owner says so'),

  'cli.address': ignored(OWN_CLI),
  'cli.api_key': ignored(OWN_CLI),
  'cli.timeout': ignored(OWN_CLI),
  'cli.insecure': ignored(OWN_CLI),
};

/** Whole groups of which no key has an effect: said once, for the group. */
export const GROUPS: Readonly<Record<string, string>> = {
  tuning: TUNING,
  'database.gorm': IN_STATE,
  'database.postgres': IN_STATE,
  dns_config: 'this is how it was before 0.23: write dns instead',
};

/** What is otherwise there than here where nothing is said. */
export const DEFAULTS: readonly (readonly [
  key: string,
  value: unknown,
  isUsed?: (sheet: Sheet) => boolean,
])[] = [
  ['dns.magic_dns', true],
  ['node.expiry', '0'],
  [
    'node.ephemeral.inactivity_timeout',
    '120s',
    (sheet) => sheet.get('ephemeral_node_inactivity_timeout') === undefined,
  ],
  ['derp.server.enabled', false],
  ['oidc.only_start_if_oidc_is_available', true, hasOidc],
];
