import type { AppendReceipt, Spool, SpoolRecord } from '../../src/spool/spool.js';
import { readAll } from './helpers.js';

export const CORRUPT = 'CORRUPT';

/** Remembers what a spool was given and what it promised, and tells what a later opening of it breaks of that. */
export class Witness {
  readonly problems: string[] = [];
  // Every content ever handed to an append; each is unique.
  readonly #appended = new Set<string>();
  // By sequence: what was acknowledged under it, or handed out after an opening, and so counts as accepted.
  readonly #accepted = new Map<number, string>();
  readonly #released = new Set<number>();
  #id: string | null = null;
  #uncounted = 0;
  // What a renewal under way would not count any more.
  #renewing: number | null = null;

  copy(): Witness {
    const copy = new Witness();
    for (const content of this.#appended) copy.#appended.add(content);
    for (const [sequence, content] of this.#accepted) copy.#accepted.set(sequence, content);
    for (const sequence of this.#released) copy.#released.add(sequence);
    copy.#id = this.#id;
    copy.#uncounted = this.#uncounted;
    copy.#renewing = this.#renewing;
    return copy;
  }

  get acknowledged(): number {
    return this.#accepted.size;
  }

  /** Contents for an append. */
  contents(sizes: readonly number[]): string[] {
    return sizes.map((size) => {
      const content = `${this.#appended.size}:`.padEnd(size, '.');
      this.#appended.add(content);
      return content;
    });
  }

  accepted(spool: Spool, receipt: AppendReceipt, contents: readonly string[]): void {
    if (receipt.count !== contents.length) this.#complain('a receipt for another number of records');
    if (receipt.first < spool.openedAt) this.#complain('a sequence from before the opening');
    for (const [index, content] of contents.entries()) this.#learn(receipt.first + index, content);
  }

  released(first: number, last: number): void {
    for (const sequence of this.#accepted.keys())
      if (sequence >= first && sequence <= last) this.#released.add(sequence);
  }

  renewing(spool: Spool): void {
    const { accepted, spooled } = spool.stats();
    this.#renewing = this.#uncounted + accepted - spooled;
  }

  /** A spool that was open all the time holds exactly what was acknowledged and not released. */
  async whileOpen(spool: Spool): Promise<void> {
    const records = await readAll(spool);
    const expected = [...this.#accepted.keys()].filter((sequence) => !this.#released.has(sequence));
    const found = records.map(({ sequence }) => sequence).join();
    if (found !== expected.sort((a, b) => a - b).join()) this.#complain(`holds ${found}`);
    for (const record of records) this.#compare(record);
    this.#count(spool, records.length);
  }

  /** A spool that was just opened holds all that was acknowledged and not released; and what else it holds was appended. */
  async opened(spool: Spool): Promise<void> {
    if (spool.openedAt <= Math.max(0, ...this.#accepted.keys())) this.#complain('opens among used sequences');
    const records = await readAll(spool);
    const sequences = records.map(({ sequence }) => sequence);
    if (sequences.some((sequence, index) => sequence <= (sequences[index - 1] ?? 0)))
      this.#complain(`out of order: ${sequences.join()}`);
    for (const record of records) {
      // Not acknowledged, and there all the same, whole or in part: accepted from now on.
      if (!this.#accepted.has(record.sequence)) this.#learn(record.sequence, contentOf(record));
      this.#compare(record);
    }
    const there = new Set(sequences);
    for (const [sequence, content] of this.#accepted)
      if (!there.has(sequence) && !this.#released.has(sequence))
        this.#complain(`${sequence} (${content}) is lost`);
    this.#identify(spool);
    this.#count(spool, records.length);
    // What was released and is still in a file is handed out again.
    this.#released.clear();
    for (const sequence of this.#accepted.keys()) if (!there.has(sequence)) this.#released.add(sequence);
  }

  #identify(spool: Spool): void {
    if (this.#id !== null && spool.id !== this.#id) {
      if (this.#renewing === null) this.#complain('another id');
      this.#uncounted = this.#renewing ?? this.#uncounted;
    }
    this.#id = spool.id;
    this.#renewing = null;
  }

  /** To be called when a renewal was promised. */
  renewed(spool: Spool): void {
    if (spool.id === this.#id) this.#complain('renewed to the same id');
    this.#identify(spool);
  }

  #learn(sequence: number, content: string): void {
    if (this.#accepted.has(sequence)) this.#complain(`sequence ${sequence} is used twice`);
    if (content !== CORRUPT && !this.#appended.has(content)) this.#complain(`${content} was never appended`);
    if (content !== CORRUPT && [...this.#accepted.values()].includes(content))
      this.#complain(`${content} is there twice`);
    this.#accepted.set(sequence, content);
  }

  #compare(record: SpoolRecord): void {
    const expected = this.#accepted.get(record.sequence);
    if (contentOf(record) !== expected)
      this.#complain(`${record.sequence} is ${contentOf(record)}, not ${String(expected)}`);
  }

  #count(spool: Spool, records: number): void {
    const { accepted, spooled } = spool.stats();
    const expected = this.#accepted.size - this.#uncounted;
    if (accepted !== expected) this.#complain(`accepted ${accepted}, not ${expected}`);
    if (spooled !== records) this.#complain(`spooled ${spooled}, not ${records}`);
  }

  #complain(problem: string): void {
    this.problems.push(problem.replace(/\.{9,}/g, '…'));
  }
}

function contentOf({ bytes, corrupt }: SpoolRecord): string {
  return corrupt ? CORRUPT : bytes.toString();
}
