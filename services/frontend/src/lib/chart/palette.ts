/** The theme's colours as strings a canvas takes. Read again when the theme changes. */
export interface Palette {
  ink2: string;
  ink3: string;
  grid: string;
  surface: string;
  hatch: string;
  font: string;
  /** By the colour number of a line; 0 is ink. */
  lines: string[];
}

const LINE_COLOURS = 5;

export function readPalette(host: Element): Palette {
  const style = getComputedStyle(host);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const lines = [token('--ink-3')];
  for (let i = 1; i <= LINE_COLOURS; i++) lines.push(token(`--line-${i}`));
  return {
    ink2: token('--ink-2'),
    ink3: token('--ink-3'),
    grid: token('--line'),
    surface: token('--surface'),
    hatch: token('--hatch'),
    font: token('--font-text') || 'sans-serif',
    lines,
  };
}
