/** Times are seconds: since 1970 for cameras, from the first frame for videos. */

const CALENDAR = 1e9

/** `1:02.5`, or a date and time for a camera. */
export function at(time: number, tenths = true): string {
  if (time > CALENDAR)
    return new Date(time * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
  const whole = Math.floor(tenths ? Math.round(time * 10) / 10 : Math.round(time))
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const rest = tenths ? `.${Math.round(time * 10) % 10}` : ''
  const tail = `${String(seconds).padStart(2, '0')}${rest}`
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`
}

export function span(start: number, end: number): string {
  if (start <= CALENDAR) return `${at(start)} – ${at(end)}`
  return `${at(start)} – ${new Date(end * 1000).toLocaleTimeString(undefined, { timeStyle: 'medium' })}`
}

/** `5 s`, `3 min`, `2 h`, `4 d` */
export function lasting(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, Math.round(seconds * 10) / 10)} s`
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

export function ago(time: number, now = Date.now() / 1000): string {
  const seconds = now - time
  return seconds < 2 ? 'just now' : `${lasting(Math.floor(seconds))} ago`
}

export const percent = (share: number): string => `${Math.round(share * 100)}\u00a0%`

export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString()} ${count === 1 ? noun : `${noun}s`}`

/** The name without its folders; the whole is in the title. */
export const short = (source: string): string =>
  source.startsWith('camera:') ? source.slice('camera:'.length) : (source.split('/').at(-1) ?? source)

const COLOURS = 10

/** The same label has the same colour all over the page. */
export function colour(label: string | null | undefined): string {
  if (label === null || label === undefined) return 'cx'
  let hash = 7
  for (const letter of label) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  return `c${hash % COLOURS}`
}
