// Log-in: a box over the page, until somebody is known; then what was asked goes on.
import { get, onUnauthorized, post, setToken } from '/api.js';
import { byId, element, visible } from '/dom.js';

const dialog = byId('login');
let pending = null;
let session = null;

/** Who is logged in; asks for a log-in where the server wants one. */
export async function start() {
  onUnauthorized(ask);
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  byId('logout').addEventListener('click', leave);
  await refresh();
  if (session.auth !== 'none' && !session.user) await ask();
}

async function refresh() {
  session = await get('session');
  setToken(session.csrf);
  byId('user').textContent = visible(session.user ?? '');
  byId('logout').hidden = session.auth === 'none' || !session.user;
}

function ask() {
  pending ??= new Promise((resolve) => {
    show(session?.auth ?? 'users', () => {
      pending = null;
      dialog.close();
      resolve();
    });
  });
  return pending;
}

function show(kind, done) {
  const own = kind === 'elasticsearch';
  const fault = element('p', { class: 'fault', role: 'alert', hidden: true });
  const input = (name, label, attributes) => element('label', {}, label, element('input', { name, spellcheck: 'false', ...attributes }));
  const key = own && element('details', {}, element('summary', {}, 'or with an API key'),
    input('api_key', 'API key (base64 of id:key)', { type: 'password', autocomplete: 'off' }));
  const button = element('button', { class: 'primary' }, 'Log in');
  const form = element('form', {
    async onsubmit(event) {
      event.preventDefault();
      const given = new FormData(form);
      const body = given.get('api_key') ? { api_key: given.get('api_key') } : { user: given.get('user'), password: given.get('password') };
      fault.hidden = true;
      button.disabled = true;
      try {
        await post('login', body, { anonymous: true });
        await refresh();
        done();
      } catch (error) {
        fault.textContent = error.status === 429
          ? `Too many attempts.${error.retryAfter ? ` Try again in ${error.retryAfter} seconds.` : ''}` : visible(error.message);
        fault.hidden = false;
        form.elements.password.value = '';
        form.elements.password.focus();
      } finally {
        button.disabled = false;
      }
    },
  },
  element('h2', { id: 'login-title' }, 'Log in'),
  element('p', { class: 'muted' }, own ? 'With your own Elasticsearch account: you see what it may see.' : 'This archive is for its users.'),
  input('user', 'User', { type: 'text', autocomplete: 'username', autocapitalize: 'off', required: !own, autofocus: true }),
  input('password', 'Password', { type: 'password', autocomplete: 'current-password', required: !own }),
  key, fault, element('div', { class: 'buttons' }, button));
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
}

async function leave() {
  // Another tab may have logged in anew since.
  await refresh();
  await post('logout', {}, { anonymous: true });
  // Nothing of what was seen stays in the page.
  location.reload();
}
