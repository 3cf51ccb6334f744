/**
 * Settings for a transaction that reads a large part of the tables, as columns of a select. Compiling a statement takes
 * longer than most statements, and the state or the order of a million calls does not fit into PostgreSQL's own 4 MB; an
 * operator's larger memory stays.
 */
export const FOR_LARGE_READS = `
  set_config('jit', 'off', true),
  case when pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB')
    then set_config('work_mem', '64MB', true)
  end`;
