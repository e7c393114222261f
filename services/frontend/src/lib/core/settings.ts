/** Settings of the platform, found and written as text. */
import type { Setting } from '../api/types';

/** A value on one line; of a secret only whether there is one. */
export function settingValue(setting: Setting): string {
  if (setting.secret) return setting.set ? 'set, not shown' : 'not set';
  if (setting.value === null || setting.value === '') return 'empty';
  return typeof setting.value === 'object' ? JSON.stringify(setting.value) : String(setting.value);
}

/** Those with every word in name or description; without words and with `changed`, those that differ from their default. */
export function wantedSettings(all: readonly Setting[], text: string, changed: boolean): Setting[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((setting) => {
    const about = `${setting.variable} ${setting.doc}`.toLowerCase();
    return words.every((word) => about.includes(word)) && (words.length > 0 || !changed || setting.source === 'set');
  });
}
