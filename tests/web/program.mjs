// The real program on both stores.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

const BINARY = process.env.PCAP_ARCHIVER_BINARY;

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: ./test web sets it`);
  return value;
}

function start(args, environment) {
  // Nothing of the caller's own settings: only what the test says.
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PCAP_ARCHIVER_')));
  return spawn(BINARY, args, { env: { ...own, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Runs a command to its end; what it says when it fails is the error. */
async function run(args, environment, input = '') {
  const child = start(args, environment);
  const out = [];
  const said = [];
  child.stdout.on('data', (part) => out.push(part));
  child.stderr.on('data', (part) => said.push(part));
  // A command that ends early leaves its input unread; what it says tells why.
  child.stdin.on('error', () => {}).end(input);
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}\n${Buffer.concat(said)}`);
  return Buffer.concat(out);
}

/** An archive in a store of its own. */
class Archive {
  constructor(name, folder, environment) {
    this.name = name;
    this.folder = folder;
    this.environment = environment;
    this.servers = [];
  }

  run(args, input) {
    return run(args, this.environment, input);
  }

  async ingest(name, capture) {
    const path = join(this.folder, name);
    await writeFile(path, capture);
    await this.run(['ingest', '--quiet', '--state-dir', join(this.folder, 'state'), path]);
  }

  /** What `fetch` gives for a filter. */
  async fetch(filter, ...more) {
    return this.run(['fetch', ...(filter ? ['-f', filter] : []), '-w', '-', ...more]);
  }

  /** Starts the page; its address. */
  async serve(args = [], environment = {}) {
    const child = start(['serve', '--listen', '127.0.0.1:0', ...args], { ...this.environment, ...environment });
    const ended = new Promise((resolve) => child.on('close', resolve));
    this.servers.push({ child, ended });
    let said = '';
    return new Promise((resolve, reject) => {
      const look = (part) => {
        said += part;
        const address = /open (https?:\/\/[^\s/]+)\//.exec(said)?.[1];
        if (address) resolve(address);
      };
      child.stderr.on('data', look);
      child.stdout.on('data', look);
      ended.then((code) => reject(new Error(`serve ended with ${code}: ${said}`)));
    });
  }

  async stop() {
    for (const { child, ended } of this.servers) {
      child.kill('SIGTERM');
      await ended;
    }
    this.servers = [];
  }

  async remove() {
    await this.stop();
    if (this.name === 'elasticsearch') await this.run(['setup', '--destroy', '--yes']);
    await rm(this.folder, { recursive: true });
  }
}

const folder = () => mkdtemp(join(tmpdir(), 'pcap-archiver-page-'));

async function embedded() {
  const here = await folder();
  return new Archive('embedded', here, { PCAP_ARCHIVER_STORE: join(here, 'store') });
}

async function elasticsearch() {
  const here = await folder();
  const archive = new Archive('elasticsearch', here, {
    PCAP_ARCHIVER_STORE: needed('ELASTICSEARCH_URL'),
    PCAP_ARCHIVER_USERNAME: needed('ELASTICSEARCH_USERNAME'),
    PCAP_ARCHIVER_PASSWORD_FILE: needed('ELASTICSEARCH_PASSWORD_FILE'),
    PCAP_ARCHIVER_CA_CERT: needed('ELASTICSEARCH_CA_CERT'),
    PCAP_ARCHIVER_INDEX: `pcap-page-${randomBytes(4).toString('hex')}`,
  });
  await archive.run(['setup', '--keys-dir', join(here, 'keys')]);
  return archive;
}

export const STORES = { embedded, elasticsearch };

/** The account of the tests' Elasticsearch. */
export async function account() {
  return { user: needed('ELASTICSEARCH_USERNAME'), password: (await readFile(needed('ELASTICSEARCH_PASSWORD_FILE'), 'utf8')).trim() };
}
