// Capture files made by hand: what is everyday, and what wants to be more than text.

/** 2025-11-25 10:00:00 UTC, in nanoseconds since 1970. */
export const BEGIN = 1_764_064_800n * 1_000_000_000n;
export const SECOND = 1_000_000_000n;

const CLIENT = { ip: '198.51.100.7', mac: '02:00:00:00:00:07' };
const SERVER = { ip: '203.0.113.80', mac: '02:00:00:00:00:80' };
const RESOLVER = { ip: '192.0.2.53', mac: '02:00:00:00:00:53' };

const bytesOf = (mac) => Buffer.from(mac.replaceAll(':', ''), 'hex');
const addressOf = (ip) => Buffer.from(ip.split('.').map(Number));

function ethernet(from, to, type, payload) {
  return Buffer.concat([bytesOf(to.mac), bytesOf(from.mac), Buffer.from([type >> 8, type & 255]), payload]);
}

function ipv4(from, to, protocol, payload) {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  addressOf(from.ip).copy(header, 12);
  addressOf(to.ip).copy(header, 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return ethernet(from, to, 0x0800, Buffer.concat([header, payload]));
}

export function udp(from, to, source, destination, payload) {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return ipv4(from, to, 17, Buffer.concat([header, payload]));
}

const FLAGS = { S: 2, SA: 0x12, A: 0x10, PA: 0x18, FA: 0x11 };

export function tcp(from, to, source, destination, flags, payload = Buffer.alloc(0)) {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt8(0x50, 12);
  header.writeUInt8(FLAGS[flags], 13);
  header.writeUInt16BE(65535, 14);
  return ipv4(from, to, 6, Buffer.concat([header, payload]));
}

export function question(name) {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)]));
  const header = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

export function ping(from, to, number) {
  return ipv4(from, to, 1, Buffer.from([8, 0, 0, 0, 0, 1, number >> 8, number & 255, ...Buffer.from('0123456789abcdef')]));
}

export function who(from, ip) {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]);
  return ethernet(from, { mac: 'ff:ff:ff:ff:ff:ff' }, 0x0806,
    Buffer.concat([head, bytesOf(from.mac), addressOf(from.ip), Buffer.alloc(6), addressOf(ip)]));
}

/** A whole connection: packets a millisecond apart. */
function connection(at, port, request, response) {
  const out = (flags, text) => tcp(CLIENT, SERVER, port, 80, flags, text && Buffer.from(text));
  const back = (flags, text) => tcp(SERVER, CLIENT, 80, port, flags, text && Buffer.from(text));
  return [out('S'), back('SA'), out('A'), out('PA', request), back('PA', response), out('FA'), back('FA'), out('A')]
    .map((bytes, index) => ({ at: at + BigInt(index) * 1_000_000n, bytes }));
}

/** A pcap file with nanoseconds. */
export function pcap(packets) {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b23c4d, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(262_144, 16);
  head.writeUInt32LE(1, 20);
  const records = packets.flatMap(({ at, bytes }) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Number(at / SECOND), 0);
    record.writeUInt32LE(Number(at % SECOND), 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return [record, bytes];
  });
  return Buffer.concat([head, ...records]);
}

/** Packets of `everyday` beside the connection. */
export const AROUND = 900;

/** An hour: names, echoes, addresses, and one connection in its middle with words in both directions. */
export function everyday() {
  const packets = [];
  for (let index = 0; index < AROUND; index += 1) {
    const end = { ip: `192.0.2.${10 + (index % 5)}`, mac: `02:00:00:00:02:${10 + (index % 5)}` };
    const bytes = [
      () => udp(end, RESOLVER, 50_000 + index, 53, question(`host-${index % 7}.example.org`)),
      () => ping(end, SERVER, index),
      () => who(end, '192.0.2.1'),
      () => tcp(end, SERVER, 41_000, 443, 'PA', Buffer.from('\x17\x03\x03\x00\x05hello')),
    ][index % 4]();
    packets.push({ at: BEGIN + BigInt(index) * 4n * SECOND + 123n, bytes });
  }
  packets.push(...connection(BEGIN + 1801n * SECOND + 456_789n, 40_000,
    'GET /greeting HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: tester\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nHello from the other side\n'));
  return pcap(packets);
}

/** What a page must not run, each with a number of its own. */
export const HOSTILE = [1, 2, 3, 4, 5].map((number) => `window.pwned=${number}`);

/** Markup and scripts in URL, user agent, host, body and DNS name; and a name that turns the direction of text. */
export function hostile() {
  const [inUrl, inAgent, inHost, inBody, inName] = HOSTILE;
  return pcap([
    ...connection(BEGIN + 7200n * SECOND, 40_666,
      `GET /<script>${inUrl}</script> HTTP/1.1\r\nHost: "><svg onload=${inHost}>\r\n`
        + `User-Agent: <img src=x onerror=${inAgent}>\u202egpj.exe\r\n\r\n`,
      `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><script>${inBody}</script><a href="javascript:${inBody}">x</a></html>`),
    { at: BEGIN + 7201n * SECOND, bytes: udp(CLIENT, RESOLVER, 50_666, 53, question(`<script>${inName}</script>.example.org`)) },
    { at: BEGIN + 7202n * SECOND, bytes: udp(CLIENT, RESOLVER, 50_667, 53, question(`"'><img src=x onerror=${inName}>.example.org`)) },
  ]);
}
