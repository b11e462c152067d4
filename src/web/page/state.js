// What is asked for and what is open. The URL holds all of it.

const NAMES = ['q', 'since', 'until', 'zone', 'packet', 'at', 'community_id'];
const listeners = [];

export const state = read();

function read() {
  const search = new URLSearchParams(location.search);
  // Links of other programs may have it behind `#`.
  if (location.hash.includes('=')) {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) search.set(name, value);
  }
  const found = {};
  for (const name of NAMES) found[name] = search.get(name) ?? '';
  found.packet ||= search.get('id') ?? '';
  return found;
}

/** The address of this page with these changes. */
export function address(changes = {}) {
  const search = new URLSearchParams();
  for (const name of NAMES) {
    const value = changes[name] ?? state[name];
    if (value) search.set(name, value);
  }
  const text = search.toString();
  return text ? `/?${text}` : '/';
}

/** Changes what is asked for; `replace` leaves no step to go back to. */
export function change(changes, { replace = false } = {}) {
  const different = NAMES.filter((name) => name in changes && changes[name] !== state[name]);
  if (different.length === 0) return false;
  history[replace ? 'replaceState' : 'pushState'](null, '', address(changes));
  Object.assign(state, changes);
  tell(new Set(different));
  return true;
}

/** `listener(changed)` gets the names of what has changed. */
export function onChange(listener) {
  listeners.push(listener);
}

function tell(changed) {
  for (const listener of listeners) listener(changed);
}

/** The parameters that every question to the API has. */
export const question = () => ({ q: state.q, since: state.since, until: state.until });

window.addEventListener('popstate', () => {
  const found = read();
  const different = NAMES.filter((name) => found[name] !== state[name]);
  Object.assign(state, found);
  tell(new Set(different));
});
