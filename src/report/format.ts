/** `m:ss.s`, from an hour on `h:mm:ss.s`. */
export function clock(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10))
  const rest = `${pad(Math.floor(tenths / 10) % 60)}.${tenths % 10}`
  const minutes = Math.floor(tenths / 600)
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest}`
}

/** The same without tenths, for the axis of a timeline and for sums. */
export function roundClock(seconds: number): string {
  return clock(Math.round(seconds)).slice(0, -2)
}

export function span(start: number, end: number): string {
  return `${clock(start)}–${clock(end)}`
}

/** `83.4 %`, with a no-break space. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}\u00a0%`
}

/** A share as an SVG length that no rounding makes longer than its place: `83.4%`. */
export function length(share: number): string {
  return `${Number((Math.min(1, Math.max(0, share)) * 100).toFixed(3))}%`
}

/** `1 clip`, `1,200 clips`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')}\u00a0${n === 1 ? one : many}`
}

/** `2026-11-24 02:36 UTC` */
export function moment(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** At most `most` characters, the last an ellipsis where something was cut off. */
export function shorten(text: string, most: number): string {
  const characters = [...text]
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`
}

const pad = (n: number): string => String(n).padStart(2, '0')
