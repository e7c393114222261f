/** Numbers, durations and times as the screen shows them. Unknown is a dash, never zero. */

export const UNKNOWN = '–';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const wholeNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const hourMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const hourMinuteSecond = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

const dayOnly = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** 18 234 as `18.2K`. */
export function compact(value: number | null | undefined): string {
  return value == null ? UNKNOWN : compactNumber.format(value);
}

/** 18 234 as `18,234`. */
export function whole(value: number | null | undefined): string {
  return value == null ? UNKNOWN : wholeNumber.format(value);
}

/** What lies in the archive: about how many posts, of how many days, how large on disk. */
export function archived(figures: { posts_archived: number | null; archive_days: number | null; archive_bytes: number | null }): string {
  const { posts_archived: posts, archive_days: days, archive_bytes: bytes } = figures;
  if (posts === null || days === null || bytes === null) return UNKNOWN;
  if (days === 0) return 'none yet';
  return `about ${compact(posts)}, ${days} ${days === 1 ? 'day' : 'days'}, ${whole(Math.ceil(bytes / 1e6))} MB`;
}

/** A quotient against usual: `3.8×`, `38×`. */
export function times(ratio: number): string {
  return `${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)}×`;
}

/** Events a second: `0.4`, `41`. */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond == null) return UNKNOWN;
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : wholeNumber.format(perSecond);
}

/** A length of time in its largest sensible unit: `0.8 s`, `42 s`, `12 min`, `3 h 10 min`, `2 d`. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < MINUTE) return `${Math.floor(s)} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min`;
  if (s < DAY) {
    const minutes = Math.floor((s % HOUR) / MINUTE);
    return minutes ? `${Math.floor(s / HOUR)} h ${minutes} min` : `${Math.floor(s / HOUR)} h`;
  }
  return `${Math.floor(s / DAY)} d`;
}

/** A length of time in words: `1 minute`, `65 minutes`, `24 hours`, `3 days`. */
export function span(seconds: number): string {
  if (seconds < 2 * HOUR) return plural(Math.max(0, Math.floor(seconds / MINUTE)), 'minute');
  if (seconds < 3 * DAY) return plural(Math.floor(seconds / HOUR), 'hour');
  return plural(Math.floor(seconds / DAY), 'day');
}

/** How long ago, counted from `now` in milliseconds: `now`, `42 s ago`, `12 min ago`. */
export function ago(iso: string | null | undefined, now: number): string {
  if (!iso) return UNKNOWN;
  const seconds = Math.floor((now - Date.parse(iso)) / 1000);
  return seconds < 2 ? 'now' : `${duration(Math.max(seconds, 0)).replace('.0', '')} ago`;
}

/** Hour and minute in the viewer's time zone; the day too when it is not today. */
export function at(iso: string, now: number): string {
  const time = new Date(iso);
  const sameDay = time.toDateString() === new Date(now).toDateString();
  return (sameDay ? hourMinute : dayAndTime).format(time);
}

/** `14:05 to 15:10`; with the days on both sides where one of them is not today. */
export function between(start: string, end: string, now: number): string {
  const [from, to] = [start, end].map((iso) => at(iso, now)) as [string, string];
  return from.includes(' ') || to.includes(' ')
    ? `${dayAndTime.format(new Date(start))} to ${dayAndTime.format(new Date(end))}`
    : `${from} to ${to}`;
}

/** A date without a time, such as `2026-11-01`: `1 Nov`. */
export function day(date: string): string {
  return dayOnly.format(new Date(`${date}T00:00:00Z`));
}

/** Wall clock with seconds in the viewer's time zone. */
export function clock(when: string | number): string {
  return hourMinuteSecond.format(new Date(when));
}

/** What part is done, rounded down so that only all of it is `100%`. */
export function share(done: number | null | undefined, left: number | null | undefined): string {
  return done == null || left == null || done + left === 0 ? UNKNOWN : `${Math.floor((100 * done) / (done + left))}%`;
}

/** Whole nano-dollars as `$3.42`; amounts under a cent keep their first digits. */
export function usd(nano: number): string {
  const dollars = nano / 1e9;
  if (dollars !== 0 && Math.abs(dollars) < 0.01) return `$${dollars.toPrecision(2)}`;
  return `$${dollars.toFixed(2)}`;
}

/** `1 post`, `2 posts`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${wholeNumber.format(count)} ${count === 1 ? one : many}`;
}

/** A stable short name for an account: the tail of a DID says more than its prefix. */
export function shortAuthor(author: string): string {
  const bare = author.replace(/^did:[a-z]+:/, '');
  return bare.length > 14 ? `${bare.slice(0, 6)}…${bare.slice(-5)}` : bare;
}

/** The first language tag that a `lang` attribute can carry, or nothing. */
export function languageTag(languages: readonly string[]): string | undefined {
  return languages.find((tag) => /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(tag));
}

/** With a capital letter and an end. */
export function asSentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return !begun || /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** The verb of a part's title: what it names is what stands after a colon and before an "of" or a "for". */
export function isOrAre(title: string): 'is' | 'are' {
  const named = (title.split(': ').at(-1) ?? '').split(/ (?:of|for|to) /)[0] ?? '';
  return /[^su]s$/i.test(named) ? 'are' : 'is';
}
