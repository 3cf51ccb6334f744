import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorCode } from '../lib/errors.js';
import { ifExists } from '../lib/if-exists.js';
import { SpoolFormatError } from './errors.js';
import { readUpTo, writeAll } from './files.js';
import type { SpoolFiles } from './files.js';
import { FORMAT } from './header.js';

/** Who a spool is; kept in spool.json, and in the header of every segment in case that file is lost. */
export interface Identity {
  readonly id: string;
  /** Records synced in this directory that belong to former ids. */
  readonly uncounted: number;
  readonly createdAt: string;
}

const FILE = 'spool.json';
const MAX_BYTES = 4096;

export function newIdentity(uncounted: number, nowMs: number): Identity {
  return { id: randomUUID(), uncounted, createdAt: new Date(nowMs).toISOString() };
}

/** Null when the file is not there or cannot be understood; throws SpoolFormatError when it is of a newer format. */
export async function readIdentity(files: SpoolFiles, directory: string): Promise<Identity | null> {
  let text: string;
  try {
    const file = await files.open(join(directory, FILE));
    try {
      text = (await readUpTo(file, Buffer.alloc(MAX_BYTES), 0)).toString('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'EIO') return null;
    throw error;
  }
  return parse(text);
}

function parse(text: string): Identity | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null) return null;
  const fields = new Map<string, unknown>(Object.entries(json));
  const identity = identityOf(fields);
  // The checksum is also over the format it was written in: where it holds, another number in `format` is damage.
  if (identity && fields.get('checksum') === checksumOf(identity)) return identity;
  const format = fields.get('format');
  if (typeof format === 'number' && format > FORMAT) {
    throw new SpoolFormatError(`${FILE} has format ${format}, this version reads ${FORMAT}`);
  }
  return null;
}

function identityOf(fields: ReadonlyMap<string, unknown>): Identity | null {
  const id = fields.get('id');
  const uncounted = fields.get('uncounted');
  const createdAt = fields.get('created_at');
  if (typeof id !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return null;
  if (typeof uncounted !== 'number' || !Number.isSafeInteger(uncounted) || uncounted < 0) return null;
  return typeof createdAt === 'string' ? { id, uncounted, createdAt } : null;
}

/** One bit changed in the id would be a valid id, and a foreign one. */
function checksumOf({ id, uncounted, createdAt }: Identity): number {
  return crc32(JSON.stringify([FORMAT, id, uncounted, createdAt]));
}

/** Durable when it resolves; when it rejects, the old file is still there or the new one is, never a part of one. */
export async function writeIdentity(files: SpoolFiles, directory: string, identity: Identity): Promise<void> {
  const { id, uncounted, createdAt } = identity;
  const fields = { format: FORMAT, id, uncounted, created_at: createdAt, checksum: checksumOf(identity) };
  const text = `${JSON.stringify(fields, null, 2)}\n`;
  const aside = join(directory, `${FILE}.new`);
  await ifExists(files.remove(aside));
  const file = await files.create(aside);
  try {
    await writeAll(file, Buffer.from(text), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await files.rename(aside, join(directory, FILE));
  await files.syncDirectory(directory);
}
