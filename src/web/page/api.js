// The HTTP API. Every answer is JSON; a failure becomes an `ApiError` that says what, why and what to do.
import { byId } from '/dom.js';

export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    super(body.error ?? `the server answered ${status}`);
    this.status = status;
    this.hint = body.hint ?? null;
    this.query = body.query ?? null;
    this.parameter = body.parameter ?? null;
    this.retryAfter = retryAfter;
  }
}

let token = null;
let logIn = () => Promise.reject(new Error('log-in is not set up'));
let waiting = 0;

/** `ask` shows the log-in form and resolves when somebody has logged in. */
export function onUnauthorized(ask) {
  logIn = ask;
}

export function setToken(value) {
  token = value;
}

export function url(path, parameters = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, value);
  }
  const text = search.toString();
  return `/api/v1/${path}${text ? `?${text}` : ''}`;
}

/** Asks, and once more when the log-in had ended. */
export async function request(address, options = {}) {
  busy(1);
  try {
    const response = await fetch(address, { cache: 'no-store', ...options });
    if (response.status === 401 && !options.anonymous) {
      busy(-1);
      try {
        await logIn();
      } finally {
        busy(1);
      }
      return await request(address, options);
    }
    if (!response.ok) throw await failure(response);
    return response;
  } catch (error) {
    if (error instanceof TypeError) {
      throw new ApiError(0, { error: 'the server does not answer', hint: 'is `pcap-archiver serve` still running?' });
    }
    throw error;
  } finally {
    busy(-1);
  }
}

export async function get(path, parameters, signal) {
  return (await request(url(path, parameters), { signal })).json();
}

export function post(path, body, options = {}) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers['X-CSRF-Token'] = token;
  return request(url(path), { method: 'POST', headers, body: JSON.stringify(body), ...options });
}

async function failure(response) {
  const body = await response.json().catch(() => ({}));
  return new ApiError(response.status, body, Number(response.headers.get('Retry-After')) || null);
}

function busy(step) {
  waiting += step;
  byId('busy').hidden = waiting === 0;
}

/** Work of which only the newest matters: starting it again ends what still runs. */
export function newest(work) {
  let current = null;
  return async (...input) => {
    current?.abort();
    const mine = new AbortController();
    current = mine;
    try {
      await work(mine.signal, ...input);
    } catch (error) {
      if (mine.signal.aborted || error.name === 'AbortError') return;
      throw error;
    }
  };
}
