/**
 * The whole environment of PostgreSQL's programs: nothing of ours, which holds secrets, and no locale or time zone
 * of the machine, which would make one cluster differ from the next.
 */
export const programEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};
