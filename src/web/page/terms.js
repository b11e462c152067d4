// Terms of the query language, and how a term joins a query.
import { change, state } from '/state.js';

// Counted is every address in a packet, also those that ARP and DNS speak of.
export const host = (value) => field('related.ip', value);
export const port = (value) => `port ${value}`;

// The language's own words, where they differ from what is stored.
const WORDS = {
  ah: 'ah', arp: 'arp', esp: 'esp', icmp: 'icmp', igmp: 'igmp', ipv4: 'ip', ipv6: 'ip6', 'ipv6-icmp': 'icmp6',
  pim: 'pim', rarp: 'rarp', sctp: 'sctp', tcp: 'tcp', udp: 'udp', vrrp: 'vrrp',
};
const TRANSPORTS = new Set(['dccp', 'gre', 'ospf', 'udplite']);

/** What selects packets of a protocol: the application, or what carries it, or the link where nothing else is known. */
export function protocol(value) {
  if (Object.hasOwn(WORDS, value)) return WORDS[value];
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
