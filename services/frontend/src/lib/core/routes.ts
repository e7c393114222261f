/** Which page an address names. Patterns are literal parts and `:name` parts. */

export type Params = Readonly<Record<string, string>>;
export type Match<T> = { page: T; params: Params };

export class RouteTable<T> {
  private readonly routes: { parts: string[]; page: T }[];

  constructor(table: Readonly<Record<string, T>>) {
    this.routes = Object.entries(table).map(([pattern, page]) => ({ parts: split(pattern), page }));
  }

  match(pathname: string): Match<T> | null {
    const parts = split(pathname);
    for (const route of this.routes) {
      const params = fit(route.parts, parts);
      if (params) return { page: route.page, params };
    }
    return null;
  }
}

function split(path: string): string[] {
  return path.split('/').filter(Boolean);
}

function fit(pattern: readonly string[], parts: readonly string[]): Params | null {
  if (pattern.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [i, expected] of pattern.entries()) {
    const part = parts[i] ?? '';
    if (expected.startsWith(':')) {
      const value = decode(part);
      if (value === null) return null;
      params[expected.slice(1)] = value;
    } else if (expected !== part) return null;
  }
  return params;
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
