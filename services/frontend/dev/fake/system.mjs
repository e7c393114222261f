/** The stand-in's own state: check-up, queues, pools, jobs, storage, settings, tokens. */
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const MINUTE = 60_000;

/** What a request for the platform's own state gives, or undefined. */
export function answerSystem(world, method, path, body, query) {
  const [, noun, id] = path.split('/').map(decodeURIComponent);
  const now = Date.now();
  if (noun === 'access-tokens') return tokens(world, method, id, body);
  if (noun === 'models' && method === 'POST') return { models: asked(world, true) };
  if (noun === 'backups') return backups(world, method, id, now);
  if (method !== 'GET') return undefined;
  if (noun === 'models') return { models: asked(world, world.calm) };
  if (noun === 'checkup') return checkup(world);
  if (noun === 'queues') return { outbox: 0, outbox_oldest_seconds: null, runs_queued: 1, runs_running: 2, deliveries_pending: 0, deliveries_failed_day: world.calm ? 0 : 3,
    embedding_pending: world.calm ? 41 : 1098, vector_removals: 12, rechecks_open: 1, approvals_waiting: world.calm ? 0 : 3 };
  if (noun === 'connections') return { most: 100, used: 41, pools: ['relay', 'api', 'worker', ''].map((application, i) => ({ application: application && `groundswell-${application}`, connections: [8, 16, 14, 3][i], active: [2, 1, 0, 1][i],
    idle_in_transaction: 0, waiting: world.calm || i !== 2 ? 0 : 1, longest_seconds: [0.04, 0.01, 0, 0][i] })) };
  if (noun === 'processes') return processes(world, now);
  if (noun === 'momentum-state') return { as_of: iso(now - 2000), baseline_from: iso(now - 190 * MINUTE), updated_at: iso(now - 4 * MINUTE), behind_seconds: 1.4, bytes: 48_230_112, topics_live: 6, topics_ended: 212 };
  if (noun === 'vectors') return { backend: 'pgvector', stored: 1_203_020, pending: 1_098, removals: 12, chunks: 6, chunks_indexed: 5, rows: 1_203_020,
    models: [{ model: 'multilingual-e5-small', state: 'active', complete: true, lost: false, done: 1_203_020, total: 1_204_118, started_at: iso(now - 9e8), activated_at: iso(now - 8e8), compared_at: iso(now - 5e6), comparing: false, missing: 0, extra: 0 }] };
  if (noun === 'storage') return { database_bytes: 9_412_000_000, tables: ['post (archive, 12 days)', 'post', 'vector (6 chunks)', 'reaction_minute', 'momentum_minute', 'live_ring', 'run_event'].map((name, i) => ({
    name, rows: Math.round(9e6 / 3 ** i), dead: Math.round(4e4 / 3 ** i), bytes: Math.round(5.1e9 / 2.4 ** i), index_bytes: Math.round(1.6e9 / 2.4 ** i), vacuumed_at: iso(now - 8e5), analyzed_at: iso(now - 8e5) })) };
  if (noun === 'schema') return { revision: 41, needed: 41, server: 'PostgreSQL 18.0', migrations: [] };
  if (noun === 'retention') return retention(Number(query.get('days') ?? 30), now);
  if (noun === 'settings') return { settings: settings() };
  return undefined;
}

function backups(world, method, id, now) {
  const order = (what, status, said, ago) => ({ id: `o${ago}`, what, backup: what === 'verify' ? 'groundswell-20261101T060000Z' : '', status, said, asked_at: iso(now - ago), begun_at: status === 'waiting' ? null : iso(now - ago + 9000), ended_at: status === 'done' ? iso(now - ago + 22_000) : null });
  if (method === 'POST') {
    world.order = order(id ? 'verify' : 'take', 'waiting', '', 0);
    return world.order;
  }
  const orders = [...(world.order ? [world.order] : []), order('verify', 'done', '285,301 rows of 61 tables came back as they were, and a search for \u201cstorm over Lisbon\u201d found its post.', 3_600_000)];
  if (world.listening) return { backups: [], orders: [] };
  const taken = [0, 1, 2, 3].map((i) => ({ name: `groundswell-2026110${4 - i}T060000Z`, taken_at: iso(now - 5e6 - i * 216e5), version: '0.9.0', revision: 32, rows: 285_301 - i * 21_000, bytes: 42_100_000 - i * 3e6, seconds: 4.4,
    verified_at: i === 1 ? iso(now - 3_500_000) : null, problem: i === 3 && !world.calm ? 'The backup was damaged. record.dump.age is not as it was written (SHA-256).' : null }));
  return { backups: taken, orders };
}

function checkup(world) {
  const finding = (state, about, text, help = '') => ({ state, about, text, do: help });
  const well = ['PostgreSQL', 'Valkey', 'Relay', 'Clocks', 'Queues', 'Connections', 'Storage'].map((about) => finding('ok', about, 'As it should be.'));
  if (world.calm) return { state: 'ok', findings: well };
  return { state: 'degraded', findings: [
    finding('degraded', 'Vector index', 'Qdrant refuses connections on 127.0.0.1:6333', 'Start Qdrant; the missing vectors are filled in by themselves.'),
    finding('degraded', 'Alerts', '3 alerts could not be sent in the last day', 'Look at the destination “Team chat” and send a test.'),
    ...well] };
}

function processes(world, now) {
  const units = ['relay', 'api', 'worker'].map((unit, i) => ({ unit, instance: `${unit}-7f3a${i}`, component: unit, state: 'ok', reason: null, since: iso(now - 9e6), reported_at: iso(now - 3000), silent: false }));
  if (world.away) Object.assign(units[2], { silent: true, reported_at: iso(now - 40_000) });
  const lease = (name, holder, epoch, left) => ({ name, holder, epoch, expires_at: iso(now + left), held: left > 0 });
  return { units, leases: [lease('momentum', 'api-7f3a1', 14, 18_000), lease('mover', 'worker-7f3a2', 9, 41_000), lease('schedules', 'api-7f3a1', 3, 12_000), lease('watches', 'api-7f3a1', 22, 15_000), lease('backup', 'worker-7f3a2', 2, world.calm ? 300_000 : -90_000)] };
}

function retention(days, now) {
  const old = days === 0 ? 0 : Math.round(6e6 / days);
  return { days, configured_days: 30, oldest: iso(now - 29 * 86_400_000), tables: ['post', 'reaction_minute', 'tombstone'].map((table, i) => ({ table, old: days >= 30 ? 0 : Math.round(old / 3 ** i), more: days < 7 && i === 0 })) };
}

function settings() {
  const make = (variable, value, fallback, doc, more = {}) => ({ variable, value, default: fallback, source: value === fallback ? 'default' : 'set', secret: false, set: true, units: ['api'], doc, ...more });
  return [
    make('GROUNDSWELL_ACCESS_TOKEN', null, null, 'What signs the operator in. Without one only this machine may connect.', { secret: true, source: 'set' }),
    make('GROUNDSWELL_DATABASE_URL', null, null, 'Where PostgreSQL is.', { secret: true, source: 'set' }),
    make('GROUNDSWELL_LLM_BUDGET_USD', 100, 0, 'At most so many dollars a month for language models.'),
    make('GROUNDSWELL_RETENTION_DAYS', 30, 30, 'Days that posts are kept; 0 keeps everything.'),
    make('GROUNDSWELL_ALLOWED_ORIGINS', ['https://groundswell.example'], [], 'Addresses under which the dashboard is opened, besides this machine.'),
    make('GROUNDSWELL_ANALYSIS_CONNECTIONS', 2, 2, 'Connections for queries in SQL; 0 turns them off.'),
  ];
}

function asked(world, well) {
  const model = (name, attempts, dollars, off = null) => ({ model: name, attempts, answered: attempts - 2, broke_contract: 1, cost_nano_usd: dollars * 1e9, last_asked_at: iso(world.started - 90_000), off, off_since: off ? iso(world.started - 3_600_000) : null });
  if (world.listening) return [];
  return [model('anthropic/claude-haiku-5-5', 812, 41.2), model('openai/gpt-small', 96, 8.1, well ? null : 'it billed $0.0312 for a call whose bound was $0.0200'), model('ollama/qwen3:8b', 204, 0)];
}

function tokens(world, method, id, body) {
  const token = (key, name, kind, scopes, more = {}) => ({ id: key, name, kind, scopes, tainted_at: null, tainted_by: null, created_at: iso(world.started - 9e8), expires_at: iso(world.started + 60 * 86_400_000), used_at: iso(world.started - 240_000), revoked_at: null, ...more });
  world.tokens ??= world.listening ? [] : [token('t1', 'Claude Desktop', 'agent', ['*'], { tainted_at: iso(world.started - 1e6), tainted_by: 'search' }), token('t2', 'nightly export', 'script', ['posts:read', 'topics:read'], { used_at: null, expires_at: null })];
  if (method === 'POST') {
    const made = token(`t${world.tokens.length + 1}`, body.name, body.kind, body.scopes, { used_at: null });
    world.tokens = [made, ...world.tokens];
    return { token: made, secret: 'gsw_5Nq0x2tY8vH3kLw9RzPfBd7CmA1sUeJg' };
  }
  if (method === 'DELETE') {
    const gone = world.tokens.find((one) => one.id === id);
    world.tokens = world.tokens.filter((one) => one !== gone);
    return { ...gone, revoked_at: iso(Date.now()) };
  }
  return { tokens: world.tokens, scopes: ['*', 'posts:read', 'topics:read', 'watches:write'] };
}
