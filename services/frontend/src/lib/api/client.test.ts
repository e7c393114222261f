// @vitest-environment happy-dom
import { describe, expect, it, vi } from 'vitest';
import { ApiFailure, ask, readProblem, whenUnauthorised } from './client';

const answer = (status: number, body: unknown, headers = {}) =>
  Promise.resolve({ error: body, response: new Response(null, { status, headers }) });

async function failure(call: Promise<unknown>): Promise<ApiFailure> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiFailure)) throw new Error('no ApiFailure came');
  return error;
}

describe('ask', () => {
  it('gives the data of a good answer', async () => {
    await expect(ask(Promise.resolve({ data: 7, response: new Response() }))).resolves.toBe(7);
  });

  it('passes on what the API said and when to come back', async () => {
    const body = { status: 503, what: 'The store is away.', why: 'stopped', do: 'wait', request: 'r1' };
    const error = await failure(ask(answer(503, body, { 'retry-after': '7' })));
    expect(error.problem).toEqual(body);
    expect(error.retryAfterSeconds).toBe(7);
  });

  it('makes a readable problem of a network failure', async () => {
    const error = await failure(ask(Promise.reject(new TypeError('fetch failed'))));
    expect(error.problem).toMatchObject({ status: 0, what: 'Groundswell did not answer.' });
  });

  it('lets an aborted call be just that', async () => {
    const aborted = new DOMException('gone', 'AbortError');
    await expect(ask(Promise.reject(aborted))).rejects.toBe(aborted);
  });

  it('asks for a sign-in on 401', async () => {
    const listener = vi.fn();
    whenUnauthorised(listener);
    await failure(ask(answer(401, null)));
    expect(listener).toHaveBeenCalledOnce();
  });
});

it('takes the error page of a proxy for a plain problem', () => {
  expect(readProblem('<html>502</html>', 502)).toEqual({ status: 502, what: 'The server answered 502.', why: '', do: '', request: '' });
});
