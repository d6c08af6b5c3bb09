/** Asks the browser for a passkey when its button is pressed, and tells the server what came; runs on our own pages only. */

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const WORDS = {
  NotAllowedError:
    'Nothing happened: it was cancelled, took too long, or there is no passkey for this server here.',
  InvalidStateError: 'There is a passkey for you on this device already.',
  SecurityError: 'The browser makes no passkeys for this address. Open the server under its own name.',
};

async function post(path, body, csrf) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(csrf ? { 'x-csrf-token': csrf } : {}) },
    body: JSON.stringify(body),
  });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok)
    throw new Error(json.message ?? `The server answered ${answer.status}. Try again in a minute.`);
  return json;
}

const described = (one) => ({ ...one, id: bytes(one.id) });

async function signIn({ next }) {
  const { options } = await post('/login/passkey/ask', {});
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey });
  return post('/login/passkey', {
    next,
    answer: {
      id,
      rawId: text(rawId),
      type,
      response: {
        clientDataJSON: text(response.clientDataJSON),
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
        ...(response.userHandle ? { userHandle: text(response.userHandle) } : {}),
      },
    },
  });
}

async function register({ next, csrf }) {
  const { options } = await post('/account/passkeys/ask', {}, csrf);
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(described),
  };
  const { id, rawId, type, response } = await navigator.credentials.create({ publicKey });
  const name = document.querySelector('#passkey-name')?.value ?? '';
  return post(
    '/account/passkeys',
    {
      next,
      name,
      answer: {
        id,
        rawId: text(rawId),
        type,
        response: {
          clientDataJSON: text(response.clientDataJSON),
          attestationObject: text(response.attestationObject),
          transports: response.getTransports?.() ?? [],
        },
      },
    },
    csrf,
  );
}

const ACTS = { 'sign-in': signIn, register };

for (const button of document.querySelectorAll('button[data-passkey]')) {
  const problem = document.querySelector('#passkey-problem');
  if (globalThis.PublicKeyCredential === undefined) {
    problem.textContent = 'This browser can’t use passkeys here.';
    problem.hidden = false;
    continue;
  }
  button.disabled = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    problem.hidden = true;
    try {
      const { next } = await ACTS[button.dataset.passkey](button.dataset);
      location.assign(next);
    } catch (error) {
      problem.textContent = WORDS[error.name] ?? error.message;
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
