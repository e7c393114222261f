// A real OpenID provider on loopback, for tests: oidc-provider with one account that signs in by itself.
// POST /control changes it: {redirects, account, tamper, rotate, slash, down}. Says its port on stdout.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

const state = { redirects: ['http://127.0.0.1/back'], account: {}, tamper: null, slash: false, down: false };
let base, key, provider, number = 0;

async function makeKey() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: `key-${++number}` };
}

function client(id, more) {
  const signed = { id_token_signed_response_alg: 'ES256', redirect_uris: state.redirects };
  return { client_id: id, grant_types: ['authorization_code'], response_types: ['code'], ...signed, ...more };
}

function makeProvider() {
  const made = new Provider(state.slash ? `${base}/` : base, {
    clients: [
      client('groundswell', { client_secret: 'planted client secret' }),
      client('public', { token_endpoint_auth_method: 'none' }),
    ],
    jwks: { keys: [key] },
    cookies: { keys: ['for tests'] },
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...state.account }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  });
  made.use(async (ctx, next) => {
    await next();
    if (state.tamper && ctx.path === '/token' && ctx.body?.id_token) ctx.body.id_token = await tampered(ctx.body.id_token);
  });
  return made;
}

/** The same token with other claims, signed with the provider's own key, or with none. */
async function tampered(token) {
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const { unsigned, ...changes } = state.tamper;
  const said = { ...claims, ...changes };
  if (unsigned) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ alg: 'none' })}.${part(said)}.`;
  }
  return new SignJWT(said).setProtectedHeader({ alg: 'ES256', kid: key.kid }).sign(await importJWK(key, 'ES256'));
}

async function control(request, response) {
  let body = '';
  for await (const piece of request) body += piece;
  const { rotate, ...changes } = JSON.parse(body);
  Object.assign(state, changes);
  if (rotate) key = await makeKey();
  provider = makeProvider();
  response.end('{}');
}

const server = createServer(async (request, response) => {
  try {
    if (request.url === '/control') return await control(request, response);
    if (state.down) return response.writeHead(503).end();
    if (request.url.startsWith('/interaction/')) {
      const login = { accountId: state.account.sub ?? 'sub-1' };
      return await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
    }
    await provider.callback()(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});
server.listen(0, '127.0.0.1', async () => {
  base = `http://127.0.0.1:${server.address().port}`;
  key = await makeKey();
  provider = makeProvider();
  console.log(server.address().port);
});
