/**
 * What a private Postgres differs in from Postgres' own defaults. Values in its notation. Each number has its reason in ADR 0005.
 */
export const EMBEDDED_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // a path of more than 107 bytes would be refused
  max_connections: '40',
  // memory: it shares the machine with the crawl
  shared_buffers: '32MB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  huge_pages: 'off',
  io_method: 'sync', // no i/o worker processes
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  max_logical_replication_workers: '0',
  jit: 'off',
  // durability: what settle committed has happened, even after a power cut
  fsync: 'on',
  synchronous_commit: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  wal_compression: 'on',
  checkpoint_timeout: '15min',
  max_wal_size: '1GB', // bounds the disk it takes and the replay after a kill
  min_wal_size: '80MB',
  autovacuum: 'on',
  autovacuum_max_workers: '2',
  autovacuum_naptime: '15s', // the small hot tables die young
  // whoever vanishes without a FIN is noticed
  tcp_keepalives_idle: '60',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic', // URLs of users stay out of the log
  log_checkpoints: 'off',
}

/** The text of a configuration file. */
export function configuration(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => {
    if (!/^[a-z_.]+$/.test(name)) throw new RangeError(`Cannot set ${JSON.stringify(name)}: no name of a Postgres setting`)
    return `${name} = '${value.replaceAll("'", "''")}'`
  })
  return `# written at every start\n${lines.join('\n')}\n`
}
