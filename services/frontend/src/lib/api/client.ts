/** The typed REST client. Every failure becomes an `ApiFailure` a person can read. */
import createClient from 'openapi-fetch';
import type { paths } from './schema';
import type { Problem } from './types';

export const client = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin' });

/** `status` 0 means that no answer came at all. */
export class ApiFailure extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(problem.what);
  }
}

const UNREACHABLE: Problem = {
  status: 0,
  what: 'Groundswell did not answer.',
  why: 'The server is stopped or the network is down.',
  do: 'Check that it is running, then try again.',
  request: '',
};

let onUnauthorised: () => void = () => {};

/** Who to tell when the API wants a sign-in. */
export function whenUnauthorised(listener: () => void): void {
  onUnauthorised = listener;
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Waits for a call and gives its data, or throws `ApiFailure` (or the abort that ended it). */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiFailure(UNREACHABLE);
  }
  if (answer.response.ok) return answer.data as T;
  if (answer.response.status === 401) onUnauthorised();
  throw new ApiFailure(readProblem(answer.error, answer.response.status), readRetryAfter(answer.response));
}

/** An error body as a `Problem`; a proxy's own page becomes a plain one. */
export function readProblem(body: unknown, status: number): Problem {
  const said = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {};
  return {
    status,
    what: said.what || `The server answered ${status}.`,
    why: said.why ?? '',
    do: said.do ?? '',
    request: said.request ?? '',
  };
}

function readRetryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}
