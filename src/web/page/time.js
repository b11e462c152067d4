// Times are nanoseconds since 1970 in a BigInt: a Date ends at milliseconds.

const RFC3339 = /^([+-]?\d{4,6})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|z|([+-])(\d\d):(\d\d))$/;
const PLAIN = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?$/;
export const SECOND = 1_000_000_000n;

/** RFC 3339 → nanoseconds; null for what is none. */
export function parse(text) {
  const match = RFC3339.exec(text ?? '');
  if (!match) return null;
  const [, year, month, day, hour, minute, second, fraction = '', sign, hours = '0', minutes = '0'] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const offset = BigInt(Number(hours) * 60 + Number(minutes)) * 60n * SECOND * (sign === '-' ? -1n : 1n);
  return BigInt(date.getTime()) * 1_000_000n + BigInt(fraction.padEnd(9, '0')) - offset;
}

function split(time) {
  const rest = ((time % SECOND) + SECOND) % SECOND;
  return { date: new Date(Number((time - rest) / 1_000_000n)), fraction: rest.toString().padStart(9, '0') };
}

const two = (value) => String(value).padStart(2, '0');

/** Date and time of day in the zone, with as many digits of the second as asked for. */
export function parts(time, zone, digits = 9) {
  const { date, fraction } = split(time);
  const local = zone === 'local';
  const year = local ? date.getFullYear() : date.getUTCFullYear();
  const month = local ? date.getMonth() : date.getUTCMonth();
  const day = local ? date.getDate() : date.getUTCDate();
  const clock = local
    ? [date.getHours(), date.getMinutes(), date.getSeconds()]
    : [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  return {
    day: `${String(year).padStart(4, '0')}-${two(month + 1)}-${two(day)}`,
    clock: clock.map(two).join(':') + (digits ? `.${fraction.slice(0, digits)}` : ''),
  };
}

/** `2026-11-23 10:00:00.123456789`; what is no time stays as it is. */
export function show(text, zone, digits = 9) {
  const time = typeof text === 'bigint' ? text : parse(text);
  if (time === null) return String(text ?? '');
  const { day, clock } = parts(time, zone, digits);
  return `${day} ${clock}`;
}

/** As short as can be: no fraction when it is zero. */
export function showShort(time, zone) {
  return show(time, zone, time % SECOND === 0n ? 0 : time % 1_000_000n === 0n ? 3 : 9);
}

export function toRfc3339(time) {
  const { day, clock } = parts(time, 'utc');
  return `${day}T${clock}Z`;
}

/** What somebody typed, in the words of the API: a time without zone is one of the zone shown. */
export function typed(text, zone) {
  const trimmed = text.trim();
  const match = zone === 'local' && PLAIN.exec(trimmed);
  if (!match || match[4] === undefined) return trimmed;
  const [, year, month, day, hour, minute, second = '0', fraction = ''] = match;
  const date = new Date(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return toRfc3339(BigInt(date.getTime()) * 1_000_000n + BigInt(fraction.padEnd(9, '0')));
}

const UNITS = [['d', 86400n], ['h', 3600n], ['min', 60n], ['s', 1n]];

/** A span as people say it: `2 h 5 min`, `350 ms`. */
export function span(nanoseconds) {
  if (nanoseconds < 1000n) return `${nanoseconds} ns`;
  if (nanoseconds < 1_000_000n) return `${nanoseconds / 1000n} µs`;
  if (nanoseconds < SECOND) return `${nanoseconds / 1_000_000n} ms`;
  if (nanoseconds < 10n * SECOND) return `${(Number(nanoseconds) / 1e9).toFixed(1)} s`;
  let seconds = nanoseconds / SECOND;
  const words = [];
  for (const [name, length] of UNITS) {
    if (seconds >= length && words.length < 2) words.push(`${seconds / length} ${name}`);
    else if (words.length) break;
    seconds %= length;
  }
  return words.join(' ');
}

export const zoneName = (zone) => (zone === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : 'UTC');

/** A step between ticks that people read easily, near to the wanted one. */
export function niceStep(wanted) {
  const steps = [1n, 2n, 5n, 10n, 20n, 50n, 100n, 200n, 500n].flatMap((step) => [step, step * 1000n, step * 1_000_000n]);
  steps.push(...[1n, 2n, 5n, 10n, 15n, 30n, 60n, 120n, 300n, 600n, 900n, 1800n, 3600n, 7200n, 10800n, 21600n, 43200n]
    .map((seconds) => seconds * SECOND));
  const day = 86400n * SECOND;
  steps.push(...[1n, 2n, 7n, 14n, 30n, 90n, 365n, 730n, 3650n].map((days) => days * day));
  steps.sort((left, right) => (left < right ? -1 : 1));
  return steps.find((step) => step >= wanted) ?? steps.at(-1);
}
