/** Server-sent events out of pieces of text (the format of the HTML standard, chapter "Server-sent events"). */

export interface ServerEvent {
  name: string;
  data: string;
  /** The number to go on behind; null where the event has none. */
  id: string | null;
}

export class EventReader {
  private rest = '';
  private name = '';
  private data: string[] = [];
  private id: string | null = null;

  /** The events that are complete with this piece. Comments and unknown fields are passed over. */
  read(piece: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    const text = this.rest + piece;
    // A "\r" at the end may be the first half of "\r\n".
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? '') + text.slice(whole.length);
    for (const line of lines) {
      if (line === '') this.finish(found);
      else this.take(line);
    }
    return found;
  }

  private take(line: string): void {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }

  private finish(found: ServerEvent[]): void {
    if (this.data.length) found.push({ name: this.name || 'message', data: this.data.join('\n'), id: this.id });
    this.name = '';
    this.data = [];
    this.id = null;
  }
}
