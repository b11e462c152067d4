// Terms of the query language, and how a term joins a query.
import { change, state } from '/state.js';

const words = new Set();

/** The words that the language has, as the API tells them. */
export function learn(list) {
  for (const { word } of list) words.add(word);
}

export const host = (value) => (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(value) ? `ether host ${value}` : `host ${value}`);
export const port = (value) => `port ${value}`;
export const protocol = (value) => (words.has(value) ? value : field('network.protocol', value));

/** `FIELD:VALUE`, quoted where the value needs it. */
export function field(name, value) {
  const text = String(value);
  if (/^[\w.-]+$/.test(text)) return `${name}:${text}`;
  return `${name}:"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** The query that also asks for `term`, or for its opposite. */
export function joined(query, term, not = false) {
  const added = not ? `not ${term}` : term;
  const before = query.trim();
  if (!before) return added;
  return `${/(^|\s)or(\s|$)|\|\|/.test(before) ? `(${before})` : before} and ${added}`;
}

export function add(term, not = false) {
  change({ q: joined(state.q, term, not), packet: '', at: '', community_id: '' });
}
