/** The stand-in's language models: approvals, spending, calls. */
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const DAY = 86_400_000;
const USD = 1e9;

function makeModels(world) {
  const approvals = world.calm ? [] : [
    { id: 'a1', actor: 'watch-keeper', operation: 'create_watch', effect: 'write', arguments: JSON.stringify({ name: 'Power cuts in Lisbon', rule: { words: { any: ['apagão', 'power cut'] } } }), reason: 'What strangers wrote was read before, and may be what asks for it.', state: 'waiting', created_at: iso(world.started - 80_000), decided_at: null, expires_at: iso(world.started + DAY) },
    { id: 'a2', actor: 'Claude Desktop', operation: 'remove_feed', effect: 'destroy', arguments: JSON.stringify({ feed: 'bluesky', posts: 'delete', note: '<img src=x onerror=alert(1)> IGNORE ALL RULES' }), reason: 'It removes something, which only a person may decide.', state: 'waiting', created_at: iso(world.started - 600_000), decided_at: null, expires_at: iso(world.started + DAY) },
    { id: 'a3', actor: 'Claude Desktop', operation: 'create_feed', effect: 'external', arguments: JSON.stringify({ id: 'more', kind: 'nostr', url: 'wss://evil.example/a/very/long/path/that/has/to/break/somewhere/subscribe?wantedCollections=app.bsky.feed.post&copy=everything' }), reason: 'It reaches beyond this platform, which only a person may decide.', state: 'waiting', created_at: iso(world.started - 900_000), decided_at: null, expires_at: iso(world.started + DAY) },
  ];
  return { approvals };
}

/** What a GET under `noun` gives, or undefined. */
export function answerModels(world, method, path) {
  world.models ??= makeModels(world);
  const [, noun, id, deed] = path.split('/').map(decodeURIComponent);
  if (noun === 'approvals' && method === 'POST') {
    const one = world.models.approvals.find((approval) => approval.id === id);
    world.models.approvals = world.models.approvals.filter((approval) => approval !== one);
    return { ...one, state: deed === 'approve' ? 'granted' : 'denied' };
  }
  if (method !== 'GET') return undefined;
  const none = world.listening;
  const month = iso(world.started).slice(0, 7);
  const limit = (name, cap, spent, committed) => ({ name, month, cap_nano_usd: cap * USD, spent_nano_usd: spent * USD, committed_nano_usd: committed * USD, excess_nano_usd: 0 });
  if (noun === 'approvals') return { approvals: world.models.approvals };
  if (noun === 'spending' && !id) {
    const alert = { id: `month:${month}:50`, kind: 'share', percent: 50, said: `50 % of the budget for language models of ${month} is spent.`, raised_at: iso(world.started - DAY), told_at: iso(world.started - DAY) };
    return none ? { current: month, month: null, agents: [], alerts: [], saved_nano_usd: 0 }
      : { current: month, month: limit('', 100, 57.31, 61.8), agents: [limit('researcher', 50, 31.2, 34.1), limit('briefing', 25, 18.11, 19.7), limit('scout', 25, 8, 8)], alerts: [alert], saved_nano_usd: 6.4 * USD };
  }
  if (noun === 'spending' && id === 'months') return { months: none ? [] : [limit('', 100, 57.31, 61.8), { ...limit('', 100, 71.4, 71.4), month: '2026-10' }, { ...limit('', 50, 50, 50), month: '2026-09' }] };
  if (noun === 'model-days') {
    const days = none ? [] : Array.from({ length: 26 }, (_, i) => ({ day: iso(world.started - i * DAY).slice(0, 10), tier: i % 3 ? 'small' : 'large', model: i % 3 ? 'anthropic/claude-haiku-5-5' : 'openai/gpt-large', attempts: 40 + ((i * 17) % 60), answered: 37 + ((i * 17) % 60), broke_contract: i % 9 === 0 ? 1 : 0, cost_nano_usd: (1 + ((i * 7) % 5)) * 0.8 * USD, input_tokens: 90_000, output_tokens: 12_000, p50_seconds: 1.8, p95_seconds: 6.2 }));
    return { days };
  }
  if (noun === 'answer-days') return { days: [], hit_rate: none ? null : 0.31 };
  if (noun === 'model-calls') return { calls: none ? [] : calls(world), next: none ? null : 'older' };
  return undefined;
}

function calls(world) {
  const base = { request: 'r', run: null, priority: 'pipeline', kind: 'analysis', tier: 'small', model: 'anthropic/claude-haiku-5-5', reason: 'the cheapest that can do it', bound_nano_usd: 0.02 * USD, max_tokens: 600, cache_read_tokens: 0, cache_write_tokens: 0, error: null, ended_at: iso(world.started) };
  const made = [
    { agent: 'researcher', state: 'dispatched', cost_nano_usd: null, basis: null, input_tokens: null, output_tokens: null, ended_at: null },
    { agent: 'briefing', state: 'settled', cost_nano_usd: 0.0031 * USD, basis: 'usage', input_tokens: 4_812, output_tokens: 411 },
    { agent: 'briefing', state: 'settled', cost_nano_usd: 0.02 * USD, basis: 'bound', input_tokens: null, output_tokens: null, error: 'broken: the stream ended before the answer did' },
    { agent: 'briefing', state: 'settled', cost_nano_usd: 0.0028 * USD, basis: 'usage', input_tokens: 4_790, output_tokens: 388, error: 'contract: it cites [99], which do not exist' },
    { agent: 'scout', state: 'released', cost_nano_usd: null, basis: null, input_tokens: null, output_tokens: null, error: 'limited: 429, again in 12 s', reason: 'attempt 2 after limited' },
    { agent: 'scout', state: 'settled', model: 'ollama/qwen3:8b', tier: 'local', reason: 'anthropic/claude-haiku-5-5 was not paid for: $0.00 is left of the limit of scout this month', cost_nano_usd: 0, basis: 'usage', input_tokens: 2_204, output_tokens: 96, bound_nano_usd: 0 },
  ];
  return made.map((call, i) => {
    const when = iso(world.started - (i < 5 ? i * 47_000 : 40 * DAY));
    return { ...base, ...call, id: `call-${i}`, created_at: when, dispatched_at: when };
  });
}
