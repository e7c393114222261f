/** What a chart is asked to draw. Times are seconds since 1970. */
import type { Band, Column } from '../core/series';

export interface Line {
  id: string;
  label: string;
  /** Number of the colour token `--line-N`, from 1; 0 is plain ink. */
  colour: number;
  strong: boolean;
  /** A reference such as "usual": thin, dashed, without a dot at its end. */
  reference?: boolean;
}

export interface ChartModel {
  times: number[];
  columns: Column[];
  lines: Line[];
  bands: Band[];
  from: number;
  to: number;
  /** What time each value counts, as in "5 a minute", which is the default. */
  per?: string;
}

/** What lies under the pointer. `index` is a place in `times`, `left` is in CSS pixels. */
export interface Hover {
  index: number;
  left: number;
}
