import { Cron } from 'croner';
import { errorCode, messageOf } from '../lib/errors.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads typed values out of an environment and collects every problem instead of stopping at the first. */
export class ConfigReader {
  readonly problems: string[] = [];

  constructor(private readonly env: Environment) {}

  problem(message: string): void {
    this.problems.push(message);
  }

  text(name: string, fallback: string): string {
    return this.#get(name) ?? fallback;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const text = this.#get(name);
    if (text === undefined) return fallback;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    this.problem(`${name}=${shorten(text)} is not a whole number from ${min} to ${max}`);
    return fallback;
  }

  choice<const T extends string>(name: string, fallback: T, allowed: readonly T[]): T {
    const text = this.#get(name);
    if (text === undefined) return fallback;
    const found = allowed.find((value) => value === text);
    if (found === undefined) this.problem(`${name}=${shorten(text)} is not one of ${allowed.join(', ')}`);
    return found ?? fallback;
  }

  /** A cron expression of five fields that comes round in UTC. */
  cron(name: string, fallback: string): string {
    const text = this.#get(name);
    if (text === undefined) return fallback;
    const why = whyNoCron(text);
    if (why === undefined) return text;
    this.problem(
      `${name}=${shorten(text)} is not a cron expression (minute hour day month weekday, in UTC): ${why}`,
    );
    return fallback;
  }

  /** A PostgreSQL URL. It may hold a password, so a problem never repeats it. */
  postgresUrl(name: string): string | undefined {
    const text = this.#get(name);
    if (text === undefined) return undefined;
    // A user without a host (the socket stands in the query) is good for PostgreSQL, not for the URL standard.
    const withHost = text.replace('@/', '@localhost/');
    if (!/^postgres(ql)?:\/\/\S+$/.test(text) || !URL.canParse(withHost)) {
      this.problem(`${name} is not a URL of the form postgres://user:password@host:port/database`);
      return text;
    }
    const { hash, pathname } = new URL(withHost);
    if (hash !== '' || pathname.includes('@')) {
      this.problem(`${name}: a user name or password with @ / ? # or % in it has to be percent-encoded`);
    }
    return text;
  }

  /** Names and addresses as browsers write them: in lower case, and international ones in ASCII. */
  hosts(name: string): string[] {
    const hosts: string[] = [];
    for (const entry of this.#get(name)
      ?.split(',')
      .map((text) => text.trim()) ?? []) {
      if (entry === '') continue;
      const written = asHost(entry);
      if (written === undefined) {
        this.problem(
          `${name}: ${shorten(entry)} is not the name or address of a host (without scheme, port, path and wildcards)`,
        );
      } else hosts.push(written);
    }
    return hosts;
  }

  /** The variable itself, or the contents of the file that `<name>_FILE` names; both together are a problem. */
  secret(name: string, readFile: (path: string) => string): string | undefined {
    const direct = this.#get(name);
    const path = this.#get(`${name}_FILE`);
    if (path === undefined) return direct;
    if (direct !== undefined) this.problem(`${name} and ${name}_FILE are both set: keep one`);
    try {
      return readFile(path);
    } catch (error) {
      const code = errorCode(error) ?? 'unreadable';
      this.problem(`${name}_FILE=${shorten(path)} cannot be read (${code})`);
      return undefined;
    }
  }

  #get(name: string): string | undefined {
    const value = this.env[name]?.trim();
    return value === '' ? undefined : value;
  }
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function asHost(text: string): string | undefined {
  // What the URL standard would take for something beside the host, or drop.
  if (/[\s/\\?#@%]/.test(text) || !URL.canParse(`http://${text}:81`)) return undefined;
  const { hostname } = new URL(`http://${text}:81`);
  return /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/.test(hostname) ? hostname : undefined;
}

function whyNoCron(text: string): string | undefined {
  try {
    const next = new Cron(text, { paused: true, timezone: 'UTC', mode: '5-part' }).nextRun();
    return next === null ? 'it never comes' : undefined;
  } catch (error) {
    return messageOf(error);
  }
}
