import { readdirSync, readFileSync } from 'node:fs'

const EVERY_MS = 50

/** The most memory that a process and those it started have had at one moment, by /proc. */
export class PeakMemory {
  #peak = 0

  get mebibytes(): number {
    return this.#peak
  }

  /** Looks until the function that it gives is called. */
  watch(pid: number): () => void {
    const look = (): void => {
      this.#peak = Math.max(this.#peak, treeMebibytes(pid))
    }
    const timer = setInterval(look, EVERY_MS)
    return () => clearInterval(timer)
  }
}

/** Resident memory of a process and all below it. */
export function treeMebibytes(root: number): number {
  const parents = new Map<number, number>()
  const sizes = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      parents.set(Number(name), Number(fields[1]))
      sizes.set(Number(name), (Number(fields[21]) * 4096) / 2 ** 20)
    } catch {
      // It has ended.
    }
  }
  let total = 0
  for (const [pid, size] of sizes) {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (at !== root) continue
      total += size
      break
    }
  }
  return total
}
