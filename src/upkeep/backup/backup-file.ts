/** The file of a backup as bytes: its hash, and its text. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode, messageOf } from '../../lib/errors.js';
import { type Content, ContentTally } from './copy-text.js';
import { BackupFileError } from './errors.js';
import type { Manifest } from './manifest.js';
import { differences } from './manifest.js';
import { readScript } from './script-reader.js';

const CHUNK_BYTES = 256 * 1024;

export interface FileProgress {
  /** Of the compressed file. */
  readonly bytes: number;
}

/** Bytes and hash of a file as it lies there. */
export async function digestOf(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal });
  for await (const chunk of stream) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * The text of a backup.
 * @throws BackupFileError when it cannot be inflated
 */
export async function* inflate(
  path: string,
  signal: AbortSignal,
  onProgress: (progress: FileProgress) => void = () => undefined,
): AsyncGenerator<Buffer, void> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal });
  // Who reads the last stream hears of the errors of both.
  const text: AsyncIterable<Buffer> = pipeline(
    file,
    createGunzip({ chunkSize: CHUNK_BYTES }),
    () => undefined,
  );
  try {
    for await (const chunk of text) {
      yield chunk;
      onProgress({ bytes: file.bytesRead });
    }
  } catch (error) {
    if (errorCode(error)?.startsWith('Z_') === true)
      throw new BackupFileError(`the file cannot be inflated: ${messageOf(error)}`, { cause: error });
    throw error;
  } finally {
    file.destroy();
  }
}

/**
 * What is wrong with the file by itself, without running any of it: none when its size and hash are those of the manifest.
 * @throws what reading the file throws
 */
export async function problemsOf(path: string, manifest: Manifest, signal: AbortSignal): Promise<string[]> {
  const { bytes, sha256 } = await digestOf(path, signal);
  if (bytes === manifest.bytes && sha256 === manifest.sha256) return [];
  const size =
    bytes === manifest.bytes ? [] : [`the file has ${bytes} bytes, the manifest says ${manifest.bytes}`];
  return [
    ...size,
    `the file has the SHA-256 ${sha256}, the manifest says ${manifest.sha256}`,
    ...(await closerLook(path, manifest, signal)),
  ];
}

/** Where the damage is, as far as the text can be read. */
async function closerLook(path: string, manifest: Manifest, signal: AbortSignal): Promise<string[]> {
  const contents = new Map<string, Content>();
  const problems: string[] = [];
  try {
    for await (const part of readScript(inflate(path, signal))) {
      if (part.kind === 'header' && part.header.id !== manifest.id)
        problems.push(`the file says that it is the backup ${part.header.id}, not ${manifest.id}`);
      if (part.kind !== 'copy') continue;
      const tally = new ContentTally();
      for await (const chunk of part.rows) tally.add(chunk);
      contents.set(part.table, tally.end());
    }
  } catch (error) {
    if (!(error instanceof BackupFileError)) throw error;
    return [...problems, error.message];
  }
  return [...problems, ...differences(manifest, contents)];
}
