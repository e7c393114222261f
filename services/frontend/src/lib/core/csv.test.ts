import { describe, expect, it } from 'vitest';
import { chartCsv, fileName } from './csv';

describe('a chart as a file', () => {
  const line = (label: string) => ({ id: label, label, colour: 1, strong: false });
  const start = Date.parse('2026-11-01T10:00:00Z') / 1000;

  it('leaves cells empty where nothing is known, and says why', () => {
    const csv = chartCsv({
      times: [start, start + 60, start + 120],
      columns: [[4, null, 6], [1, null, null]],
      lines: [line('a'), line('b, c')],
      bands: [{ from: start + 60, to: start + 120, label: 'No data from nostr' }],
    });
    expect(csv.split('\r\n')).toEqual([
      'time (UTC),a,"b, c",missing',
      '2026-11-01T10:00:00Z,4,1,',
      '2026-11-01T10:01:00Z,,,No data from nostr',
      '2026-11-01T10:02:00Z,6,,',
      '',
    ]);
  });

  it('lets no label become a formula', () => {
    const csv = chartCsv({ times: [], columns: [[]], lines: [line('=HYPERLINK("http://evil.example")')], bands: [] });
    expect(csv).toContain(`"'=HYPERLINK(""http://evil.example"")"`);
  });

  it('names the file after what it shows and until when', () => {
    expect(fileName('Apagão, Lisboa!', start, 'csv')).toBe('apagao-lisboa-2026-11-01-10-00.csv');
    expect(fileName('停電', start, 'png')).toBe('chart-2026-11-01-10-00.png');
  });
});
