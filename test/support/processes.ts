import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

export interface Process {
  readonly pid: number
  readonly command: string
}

/** Child processes of this one whose command line contains `text`, as Linux's /proc lists them; dead ones not reaped included. */
export async function children(text: string): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(describe))
  return found.filter((one) => one?.command.includes(text)) as Process[]
}

async function describe(pid: number): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (parent !== process.pid) return undefined
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    return { pid, command: line === '' ? name : line.replaceAll('\0', ' ') }
  } catch {
    return undefined
  }
}

/** Waits until there are no such children, a few seconds at most; the ones that stay. */
export async function gone(text: string): Promise<Process[]> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await children(text)).length === 0) return []
    await wait(50)
  }
  return children(text)
}
