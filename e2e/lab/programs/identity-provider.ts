/**
 * A real identity provider with two people, for machines of the lab that sign in without a key.
 *
 *   node identity-provider.ts PORT CLIENT SECRET REDIRECT_URI     serves on loopback until it is stopped
 */
import { IdentityProvider } from '../../../src-control/testing/identity-provider.ts';

const [port = '', clientId = '', clientSecret = '', redirectUri = ''] = process.argv.slice(2);
const provider = await IdentityProvider.start({ port: Number(port), clientId, clientSecret, redirectUri });
provider.people.set('ann', {
  name: 'Ann Example',
  preferred_username: 'ann',
  email: 'ann@example.com',
  email_verified: true,
});
provider.people.set('eve', { name: 'Eve', email: 'eve@elsewhere.example', email_verified: true });
console.log(`serving ${provider.issuer}`);
