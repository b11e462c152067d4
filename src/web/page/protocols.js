// Each protocol keeps its colour everywhere. The colours themselves are in the style sheet.

const FAMILIES = {
  dns: 'names', mdns: 'names', llmnr: 'names', nbns: 'names', netbios: 'names',
  http: 'web',
  tls: 'tls', ssl: 'tls',
  quic: 'quic',
  ssh: 'shell', telnet: 'shell', rdp: 'shell', ftp: 'shell',
  tcp: 'tcp',
  udp: 'udp', sctp: 'udp', dccp: 'udp',
  icmp: 'icmp', 'ipv6-icmp': 'icmp', icmp6: 'icmp', igmp: 'icmp',
  arp: 'link', rarp: 'link', stp: 'link', lldp: 'link', cdp: 'link', llc: 'link',
  dhcp: 'service', dhcpv6: 'service', ntp: 'service', snmp: 'service', radius: 'service',
  smb: 'office', smb2: 'office', ldap: 'office', kerberos: 'office', smtp: 'office', imap: 'office', pop3: 'office',
};

const REST = 5; // colours for all other protocols, by their name

/** The class that gives the protocol its colour. */
export function colour(protocol) {
  const name = String(protocol).toLowerCase();
  if (name === 'other' || name === 'null') return 'p-other';
  return `p-${FAMILIES[name] ?? [...name].reduce((sum, letter) => sum * 31 + letter.codePointAt(0), 7) % REST}`;
}
