import { describe, expect, it } from 'vitest';
import { fit, found, grouped, type Command } from './commands';

const make = (group: Command['group'], label: string, also = ''): Command => ({ id: label, group, label, also, run: () => {} });

describe('commands', () => {
  const all = [
    make('Pages', 'Overview', 'home momentum'),
    make('Pages', 'Feeds', 'sources'),
    make('Topics', 'Apagão em Lisboa'),
    make('Actions', 'New watch', 'alert rule'),
    make('Actions', 'Pause the posts', 'hold freeze'),
  ];

  it('shows everything in its order while nothing is typed', () => {
    expect(found(all, ' ').map((one) => one.label)).toEqual(all.map((one) => one.label));
  });

  it('finds without accents and case, by the beginning of any word', () => {
    expect(found(all, 'APAGAO').map((one) => one.label)).toEqual(['Apagão em Lisboa']);
    expect(found(all, 'lis apa').map((one) => one.label)).toEqual(['Apagão em Lisboa']);
  });

  it('puts a label that begins with the word before one that only holds it, and other words last', () => {
    expect(fit(make('Pages', 'Watches'), 'wat')).toBeGreaterThan(fit(make('Pages', 'New watch'), 'wat'));
    expect(fit(make('Pages', 'New watch'), 'wat')).toBeGreaterThan(fit(make('Pages', 'Alerts', 'watch'), 'wat'));
  });

  it('wants every word', () => {
    expect(found(all, 'pause lisboa')).toEqual([]);
  });

  it('keeps a group together, in the order of its best', () => {
    const groups = grouped([all[3], all[0], all[4]].filter((one) => one !== undefined));
    expect(groups.map((one) => [one.group, one.commands.length])).toEqual([
      ['Actions', 2],
      ['Pages', 1],
    ]);
  });
});
