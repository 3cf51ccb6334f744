/** Who may connect, and to do what: made when missing, put right when not, at every start. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { replaceFile } from '../../lib/durable-files.js';
import { ifExists } from '../../lib/if-exists.js';
import type { DataDirectory } from './data-directory.js';

/** For setting up: the service itself never works as it. */
export const superuser = 'postgres';
/** The role and the database of the service have the same name. */
export const serviceName = 'call_logger';
const analystName = 'analyst';

/**
 * The socket lies in a directory that only the cluster's account may enter. Over TCP, where there is any, nobody but
 * the read-only role of analysts is let in, whatever passwords others may have.
 */
const hostBasedAuthentication = `# Written by call-logger at every start.
local all         all                   trust
host  ${serviceName} ${analystName} 127.0.0.1/32  scram-sha-256
`;

export async function writeAuthentication({ path: directory, account }: DataDirectory): Promise<void> {
  const file = path.join(directory, 'pg_hba.conf');
  await replaceFile(file, hostBasedAuthentication, account.foreign ? account : undefined);
}

/**
 * The service owns its database and may create others (to prove backups by restoring them), and nothing more.
 * @param client a superuser's, in any database but the service's
 */
export async function ensureServiceDatabase(client: pg.Client): Promise<void> {
  await ensureRole(client, serviceName);
  await client.query(`ALTER ROLE ${serviceName} LOGIN CREATEDB NOSUPERUSER NOCREATEROLE`);
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [serviceName]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${serviceName} OWNER ${serviceName}`);
}

/**
 * Analysts read every table of the service, present and future. What they could fill the disk or hold up the service
 * with is bounded: no temporary tables, no large objects, few connections, time and space limits.
 * @param client a superuser's, in the service's database
 * @param password of letters, digits, - and _
 */
export async function ensureAnalyst(client: pg.Client, password: string): Promise<void> {
  await ensureRole(client, analystName);
  await client.query('BEGIN');
  await client.query(
    `ALTER ROLE ${analystName} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 10
       PASSWORD ${client.escapeLiteral(password)}`,
  );
  for (const [name, value] of Object.entries(analystSettings)) {
    await client.query(`ALTER ROLE ${analystName} SET ${name} = ${client.escapeLiteral(value)}`);
  }
  await client.query(`REVOKE TEMPORARY ON DATABASE ${serviceName} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${serviceName} TO ${analystName}`);
  await client.query('REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid) FROM PUBLIC');
  await client.query('REVOKE EXECUTE ON FUNCTION lo_from_bytea(oid, bytea) FROM PUBLIC');
  const schemas = await client.query<{ name: string }>(
    `SELECT quote_ident(nspname) AS name FROM pg_namespace
     WHERE nspname = 'public' OR nspowner = $1::regrole`,
    [serviceName],
  );
  for (const { name } of schemas.rows) {
    await client.query(`GRANT USAGE ON SCHEMA ${name} TO ${analystName}`);
    await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${name} TO ${analystName}`);
  }
  const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${serviceName}`;
  await client.query(`${defaults} GRANT USAGE ON SCHEMAS TO ${analystName}`);
  await client.query(`${defaults} GRANT SELECT ON TABLES TO ${analystName}`);
  await client.query('COMMIT');
}

/** Sensible starting values: an analyst may change all but the last for a session. */
const analystSettings = {
  default_transaction_read_only: 'on',
  statement_timeout: '5min',
  idle_in_transaction_session_timeout: '10min',
  temp_file_limit: '4GB',
};

/** Beside the data directory, where an operator looks for it also when the cluster had to go elsewhere. */
export function analystPasswordFile(dataDir: string): string {
  return path.join(path.dirname(path.resolve(dataDir)), 'analyst.password');
}

/** The password in `analyst.password`, made on first use. Only the user of the service can read the file. */
export async function analystPassword(dataDir: string): Promise<string> {
  const file = analystPasswordFile(dataDir);
  const known = (await ifExists(fs.readFile(file, 'utf8')))?.trim();
  if (known) {
    await fs.chmod(file, 0o600);
    return known;
  }
  const password = randomBytes(24).toString('base64url');
  await replaceFile(file, `${password}\n`);
  return password;
}

async function ensureRole(client: pg.Client, name: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  if (rowCount === 0) await client.query(`CREATE ROLE ${name}`);
}
