// Terms of the query language, and how a term joins a query.
import { change, state } from '/state.js';

const words = new Set();

/** The words that the language has, as the API tells them. */
export function learn(list) {
  for (const { word } of list) words.add(word);
}

// Counted is every address in a packet, also those that ARP and DNS speak of.
export const host = (value) => field('related.ip', value);
export const port = (value) => `port ${value}`;

const TRANSPORTS = new Set(['dccp', 'ipv6-icmp', 'udplite']);

/** What selects packets of a protocol: the application, or what carries it, or the link where nothing else is known. */
export function protocol(value) {
  if (words.has(value)) return value;
  if (TRANSPORTS.has(value)) return field('network.transport', value);
  return field(/^[A-Z0-9_]+$/.test(value) ? 'packet.link_type_name' : 'network.protocol', value);
}

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
