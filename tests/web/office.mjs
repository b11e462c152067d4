// Six hours of a small office, for the pictures: always the same, and nobody's.
import { BEGIN, pcap, ping, question, SECOND, tcp, udp, who } from './captures.mjs';

const HOSTS = ['198.51.100.21', '198.51.100.22', '198.51.100.34', '198.51.100.35', '198.51.100.60', '198.51.100.77']
  .map((ip, index) => ({ ip, mac: `02:00:5e:00:53:${21 + index}` }));
const RESOLVER = { ip: '198.51.100.53', mac: '02:00:5e:00:53:53' };
const CLOCK = { ip: '192.0.2.123', mac: '02:00:5e:00:53:01' };
const SITES = ['www.example.com', 'mail.example.org', 'cdn.example.net', 'git.example.org', 'updates.example.com', 'files.example.net']
  .map((name, index) => ({ name, ip: `203.0.113.${10 + index * 17}`, mac: '02:00:5e:00:53:01' }));

// Numerical Recipes' generator: the pictures are the same each time.
let seed = 20_251_125;
function chance() {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}
const one = (list) => list[Math.floor(chance() * list.length)];

const block = (size, ...parts) => {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(size);
  length.writeUIntBE(body.length, 0, size);
  return Buffer.concat([length, body]);
};

/** A TLS ClientHello for a name. */
function hello(name) {
  const serverName = Buffer.concat([Buffer.from([0, 0]), block(2, block(2, Buffer.from([0]), block(2, Buffer.from(name))))]);
  const versions = Buffer.concat([Buffer.from([0, 43]), block(2, block(1, Buffer.from([3, 4, 3, 3])))]);
  const alpn = Buffer.concat([Buffer.from([0, 16]), block(2, block(2, block(1, Buffer.from('h2')), block(1, Buffer.from('http/1.1'))))]);
  const body = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), Buffer.from([0]), block(2, Buffer.from([0x13, 1, 0x13, 2, 0xc0, 0x2b])),
    Buffer.from([1, 0]), block(2, serverName, versions, alpn)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), block(2, Buffer.from([1]), block(3, body))]);
}

/** What one host does at one time. */
function visit(at, host, site, port) {
  const parts = [];
  const say = (from, to, source, destination, flags, payload) => parts.push(tcp(from, to, source, destination, flags, payload));
  const kind = chance();
  const service = kind < 0.6 ? 443 : kind < 0.88 ? 80 : 22;
  say(host, site, port, service, 'S');
  say(site, host, service, port, 'SA');
  say(host, site, port, service, 'A');
  if (service === 443) {
    say(host, site, port, service, 'PA', hello(site.name));
    for (let part = 0; part < 3 + chance() * 6; part += 1) say(site, host, service, port, 'PA', Buffer.concat([Buffer.from([23, 3, 3, 4, 0]), Buffer.alloc(300 + chance() * 724, 0x5a)]));
  } else if (service === 80) {
    say(host, site, port, service, 'PA', Buffer.from(`GET /${one(['', 'status', 'news/today.html', 'packages/list.json'])} HTTP/1.1\r\nHost: ${site.name}\r\nUser-Agent: ${one(['curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64)'])}\r\nAccept: */*\r\n\r\n`));
    say(site, host, service, port, 'PA', Buffer.from(`HTTP/1.1 ${one(['200 OK', '200 OK', '304 Not Modified', '404 Not Found'])}\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 27\r\n\r\n<p>Good morning, world.</p>`));
  } else {
    say(site, host, service, port, 'PA', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'));
    say(host, site, port, service, 'PA', Buffer.from('SSH-2.0-OpenSSH_9.7\r\n'));
  }
  say(host, site, port, service, 'FA');
  say(site, host, service, port, 'A');
  return parts.map((bytes, index) => ({ at: at + BigInt(index) * 1_870_311n, bytes }));
}

/** The whole of it. */
export function office() {
  const packets = [];
  for (let minute = 0; minute < 360; minute += 1) {
    const start = BEGIN - 2n * 3600n * SECOND + BigInt(minute) * 60n * SECOND;
    const busy = 0.4 + 1.6 * Math.sin((Math.PI * minute) / 360) ** 2 + (minute > 205 && minute < 214 ? 3 : 0);
    for (let turn = 0; turn < busy * (0.5 + chance()); turn += 1) {
      const at = start + BigInt(Math.floor(chance() * 59e9));
      const host = one(HOSTS);
      const site = one(SITES);
      packets.push({ at: at - 40_000_000n, bytes: udp(host, RESOLVER, 49_152 + Math.floor(chance() * 16_000), 53, question(site.name)) });
      packets.push(...visit(at, host, site, 32_768 + Math.floor(chance() * 28_000)));
    }
    if (minute % 3 === 0) packets.push({ at: start, bytes: ping(one(HOSTS), RESOLVER, minute) });
    if (minute % 4 === 0) packets.push({ at: start + SECOND, bytes: who(one(HOSTS), RESOLVER.ip) });
    if (minute % 8 === 0) packets.push({ at: start + 2n * SECOND, bytes: udp(one(HOSTS), CLOCK, 123, 123, Buffer.concat([Buffer.from([0x23]), Buffer.alloc(47)])) });
  }
  packets.sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
  return pcap(packets);
}
