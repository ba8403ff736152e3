import { cpuSeconds } from './cpu.js'

/** Rows as an aligned table; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const heads = Object.keys(rows[0] ?? {})
  const cell = (value: string | number | undefined): string =>
    typeof value === 'number'
      ? value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 })
      : (value ?? '')
  const widths = heads.map((head) => Math.max(head.length, ...rows.map((row) => cell(row[head]).length)))
  const line = (cells: readonly string[], right: readonly boolean[]): string =>
    cells
      .map((text, i) => (right[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const numeric = heads.map((head) => typeof rows[0]?.[head] === 'number')
  return [
    line(heads, numeric),
    ...rows.map((row) =>
      line(
        heads.map((head) => cell(row[head])),
        numeric,
      ),
    ),
  ].join('\n')
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** What some work takes, in seconds by the clock and of all processors, children's included. */
export interface Cost {
  readonly wall: number
  readonly cpu: number
}

export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const [cpu, wall] = [await cpuSeconds(), performance.now()]
  await work()
  return { wall: (performance.now() - wall) / 1000, cpu: (await cpuSeconds()) - cpu }
}

export function medianCost(costs: readonly Cost[]): Cost {
  return { wall: median(costs.map(({ wall }) => wall)), cpu: median(costs.map(({ cpu }) => cpu)) }
}
