import { readdir, readFile, readlink } from 'node:fs/promises'

/** What a process and its children hold at a moment. */
export interface Holding {
  /** Resident, in MiB: of the process, and of all its children together. */
  readonly own: number
  readonly children: number
  readonly processes: number
  /** Open files that are sockets, and that are none. */
  readonly sockets: number
  readonly files: number
}

/** Of a process and those it started itself, by /proc. */
export async function holding(pid: number): Promise<Holding> {
  const children: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    const [, state, parent] = /\) (\S) (\d+)/.exec(stat) ?? []
    if (Number(parent) === pid && state !== 'Z') children.push(Number(name))
  }
  const kinds = await kindsOfFiles(pid)
  const sizes = await Promise.all(children.map(resident))
  return {
    own: await resident(pid),
    children: sizes.reduce((sum, size) => sum + size, 0),
    processes: children.length,
    sockets: kinds.filter((kind) => kind.startsWith('socket:')).length,
    files: kinds.filter((kind) => !kind.startsWith('socket:')).length,
  }
}

async function kindsOfFiles(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => [])
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
}

async function resident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

/** The value below which a share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
