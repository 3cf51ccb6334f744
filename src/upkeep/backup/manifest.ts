import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { messageOf } from '../../lib/errors.js';
import { ifExists } from '../../lib/if-exists.js';
import { canonicalJson } from '../../lib/json-canonical.js';
import type { Content } from './copy-text.js';
import { BackupFileError } from './errors.js';
import { FORMAT } from './script.js';

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 0 });
const TimeOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });

/** What a backup holds and how to know it again. */
export const Manifest = Type.Object(
  {
    format: Type.Literal(FORMAT),
    id: Type.String(),
    state: Type.Literal('complete'),
    trigger: Type.Union([Type.Literal('manual'), Type.Literal('schedule')]),
    created_at: Type.String(),
    finished_at: Type.String(),
    /** What was committed before it is in the backup. By PostgreSQL's clock, as of the snapshot. */
    snapshot_at: Type.String(),
    file: Type.String(),
    bytes: Count,
    /** Of the file. */
    sha256: Hash,
    /** By table. */
    rows: Type.Record(Type.String(), Count),
    /** SHA-256 of each table's ordered COPY text. */
    contents: Type.Record(Type.String(), Hash),
    /** The version of the schema: its last migration, and how many there are. */
    migration: Type.Object({ tag: Type.String(), hash: Hash, count: Count }),
    server_version: Type.String(),
    service_version: Type.String(),
    verified_at: TimeOrNull,
    error: Type.Null(),
    /** SHA-256 of the rest of the manifest: an edited one is no proof of anything. */
    checksum: Hash,
  },
  { additionalProperties: false },
);
export type Manifest = Static<typeof Manifest>;

const validator = Compile(Manifest);
const MAX_BYTES = 1024 * 1024;

/** A manifest with its checksum put right. */
export function sealed(manifest: Omit<Manifest, 'checksum'>): Manifest {
  return { ...manifest, checksum: checksumOf(manifest) };
}

export function textOf(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * @returns undefined when there is no such file
 * @throws BackupFileError when it is no manifest, or not any more the one that was written
 */
export async function readManifest(path: string): Promise<Manifest | undefined> {
  let text: string | undefined;
  try {
    text = await ifExists(readFile(path, 'utf8'));
  } catch (error) {
    throw new BackupFileError(`the manifest cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return text === undefined ? undefined : parse(text);
}

function parse(text: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new BackupFileError('the manifest is damaged: it is no JSON', { cause: error });
  }
  if (!validator.Check(json)) {
    const [first] = validator.Errors(json);
    throw new BackupFileError(
      `the manifest is damaged: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
    );
  }
  if (checksumOf(json) !== json.checksum)
    throw new BackupFileError('the manifest was changed after it was written: its checksum is another');
  return json;
}

function checksumOf(manifest: Omit<Manifest, 'checksum'>): string {
  const canonical = canonicalJson({ ...manifest, checksum: null }, { maxDepth: 8, maxBytes: MAX_BYTES });
  if (!canonical.ok) throw new BackupFileError(`the manifest is damaged: ${canonical.problem}`);
  return createHash('sha256').update(canonical.text).digest('hex');
}

/** How contents differ from what the manifest says, one sentence each; none when they are the same. */
export function differences(manifest: Manifest, contents: ReadonlyMap<string, Content>): string[] {
  const problems: string[] = [];
  const names = new Set([
    ...Object.keys(manifest.rows),
    ...Object.keys(manifest.contents),
    ...contents.keys(),
  ]);
  for (const name of names) {
    const rows = manifest.rows[name];
    const found = contents.get(name);
    if (found === undefined) problems.push(`table ${name} is missing`);
    else if (rows === undefined) problems.push(`table ${name} is not in the manifest`);
    else if (found.rows !== rows)
      problems.push(`table ${name} has ${found.rows} rows, the manifest says ${rows}`);
    else if (found.sha256 !== manifest.contents[name])
      problems.push(`table ${name} has other contents than the manifest says`);
  }
  return problems;
}
