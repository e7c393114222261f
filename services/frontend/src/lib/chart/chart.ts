/** uPlot with what every chart here needs: hatched gaps, labels at line ends, a themed grid. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { drawBands, hatchTile } from './bands';
import { compact } from '../core/format';
import { drawEnds } from './ends';
import type { ChartModel, Hover } from './model';
import { readPalette, type Palette } from './palette';

const WIDE_LABELS = 158;
const NARROW_LABELS = 44;
const NARROW = 560;
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const DAY = 86_400;
/** 1, 2 and 5 times each power of ten. */
const STEPS = Array.from({ length: 22 }, (_, i) => ([1, 2, 5][i % 3] ?? 1) * 10 ** Math.floor(i / 3));
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

export class Chart {
  private readonly u: uPlot;
  private readonly watchers: { disconnect(): void }[];
  private palette: Palette;
  private pattern: CanvasPattern | null = null;

  constructor(
    private readonly host: HTMLElement,
    private model: ChartModel,
    private readonly onHover: (hover: Hover | null) => void,
  ) {
    this.palette = readPalette(host);
    this.u = new uPlot(this.options(), this.data(), host);
    const size = new ResizeObserver(() => this.u.setSize(this.size()));
    size.observe(host);
    const themed = new MutationObserver(() => this.recolour());
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.watchers = [size, themed];
    void document.fonts?.ready.then(() => this.u.redraw(false));
  }

  /** Draws another state of the same lines; other lines need another chart. */
  update(model: ChartModel): void {
    this.model = model;
    model.lines.forEach((line, i) => {
      const series = this.u.series[i + 1];
      if (series) series.width = lineWidth(line);
    });
    this.u.setData(this.data());
  }

  destroy(): void {
    for (const watcher of this.watchers) watcher.disconnect();
    this.u.destroy();
  }

  private data(): uPlot.AlignedData {
    return [this.model.times, ...this.model.columns];
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(240, this.host.clientWidth), height: Math.max(160, this.host.clientHeight) };
  }

  private labelRoom(): number {
    return this.host.clientWidth < NARROW ? NARROW_LABELS : WIDE_LABELS;
  }

  private recolour(): void {
    this.palette = readPalette(this.host);
    this.pattern = null;
    this.u.redraw(false, true);
  }

  private options(): uPlot.Options {
    return {
      ...this.size(),
      padding: [22, () => this.labelRoom(), 0, 0],
      legend: { show: false },
      pxAlign: 0,
      cursor: { y: false, points: { size: 7, width: 2 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => [this.model.from, this.model.to] },
        y: { range: (_u, _low, high) => [0, Math.max(5, (high ?? 0) * 1.08)] },
      },
      axes: this.axes(),
      series: [{}, ...this.series()],
      hooks: {
        drawClear: [(u) => this.drawGaps(u)],
        draw: [(u) => drawEnds(u, this.model, this.palette, this.labelRoom())],
        setCursor: [(u) => this.onHover(readCursor(u))],
      },
    };
  }

  private axes(): uPlot.Axis[] {
    const font = `450 12px ${this.palette.font}`;
    const ink = (): string => this.palette.ink3;
    const line = (): string => this.palette.grid;
    return [
      {
        stroke: ink,
        font,
        grid: { show: false },
        ticks: { stroke: line, size: 4, width: 1 },
        size: 28,
        gap: 5,
        space: 70,
        incrs: [60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, DAY, 2 * DAY, 7 * DAY],
        values: (_u, splits, _axis, _space, step) => splits.map((time) => tick(time * 1000, step)),
      },
      {
        stroke: ink,
        font,
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        size: 40,
        gap: 8,
        space: 48,
        incrs: STEPS,
        values: (_u, splits) => splits.map(compact),
      },
    ];
  }

  private series(): uPlot.Series[] {
    return this.model.lines.map((line) => ({
      label: line.label,
      stroke: () => this.palette.lines[line.colour] ?? this.palette.ink2,
      width: lineWidth(line),
      ...(line.reference ? { dash: [3, 4] } : {}),
      points: { show: false },
      spanGaps: false,
    }));
  }

  private drawGaps(u: uPlot): void {
    this.pattern ??= u.ctx.createPattern(hatchTile(this.palette.hatch, devicePixelRatio), 'repeat');
    if (this.pattern) drawBands(u, this.model.bands, this.palette, this.pattern);
  }
}

/** The hour, or the day where the axis has days or begins one. */
function tick(time: number, step: number): string {
  const hour = clock.format(time);
  return step >= DAY || (hour === '00:00' && step >= 7200) ? day.format(time) : hour;
}

function lineWidth(line: { strong: boolean; reference?: boolean }): number {
  if (line.reference) return 1.25;
  return line.strong ? 2.25 : 1.4;
}

function readCursor(u: uPlot): Hover | null {
  const { idx, left } = u.cursor;
  return idx == null || left == null || left < 0 ? null : { index: idx, left: left + u.bbox.left / devicePixelRatio };
}
