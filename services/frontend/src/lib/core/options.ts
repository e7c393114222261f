/** What a person typed for a feed's options, in the types that the API wants. */

export interface Option {
  name: string;
  type: string;
}

/** Options left empty are left out; what is no number or truth value goes as it is, for the API to refuse. */
export function typed(options: readonly Option[], given: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { name, type } of options) {
    const text = given[name]?.trim();
    if (text) found[name] = value(type, text);
  }
  return found;
}

function value(type: string, text: string): unknown {
  if (type === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  if ((type === 'integer' || type === 'number') && Number.isFinite(Number(text))) return Number(text);
  if (type === 'array') return text.split(/[\s,]+/).filter(Boolean);
  return text;
}
