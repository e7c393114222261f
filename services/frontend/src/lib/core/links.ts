/** Links in posts are written by strangers: only plain web addresses may become clickable. */

/** The address when it is http or https without credentials in it, else nothing. */
export function webAddress(link: string | null | undefined): string | null {
  if (!link) return null;
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return null;
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null;
  return url.username || url.password ? null : url.href;
}
