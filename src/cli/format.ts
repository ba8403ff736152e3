/** `0.4s`, `3s`, `42s`, `2m05s`, `1h04m`, `3d02h`: two units are enough to plan by. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)}s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`
}

const two = (n: number): string => String(n).padStart(2, '0')

/** Three significant digits and no more: `0.42`, `8.31`, `38.2`, `1,204`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 99.95) return formatCount(Math.round(perSecond))
  return perSecond.toFixed(perSecond >= 9.995 ? 1 : 2)
}

/** `12,345` */
export function formatCount(n: number): string {
  return n.toLocaleString('en-US')
}

/** `1 video`, `2,000 videos` */
export function plural(n: number, noun: string): string {
  return `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`
}

/** `3.1 MB`, in powers of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1)
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`
}

/** Text of a file's name or an error that cannot move the cursor, colour the screen or break the line. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD')
}

/** Rows with their columns aligned; `right` names the columns of numbers. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** `86.3 %` of a share. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
