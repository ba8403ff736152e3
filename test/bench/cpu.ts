import { readdir, readFile } from 'node:fs/promises'

/** Ticks a second in /proc, the same on every Linux that Node runs on. */
const TICKS = 100

/** Processor seconds that this process and all that it has started, ended or not, have used; NaN where /proc is not. */
export async function cpuSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage()
  const own = await ticks(process.pid)
  const living = await Promise.all((await childrenOf(process.pid)).map(treeTicks))
  const below = own.ended + living.reduce((sum, child) => sum + child, 0)
  return (user + system) / 1e6 + below / TICKS
}

/** Process ids of a process's children. */
export async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  )
  return lists.join(' ').split(' ').filter(Boolean).map(Number)
}

async function treeTicks(pid: number): Promise<number> {
  const { own, ended } = await ticks(pid)
  const living = await Promise.all((await childrenOf(pid)).map(treeTicks))
  return living.reduce((sum, child) => sum + child, own + ended)
}

/** Of a process itself, and of its children that have ended. */
async function ticks(pid: number): Promise<{ own: number; ended: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15)
  if (user === undefined || system === undefined)
    return { own: 0, ended: pid === process.pid ? Number.NaN : 0 }
  return { own: user + system, ended: (endedUser ?? 0) + (endedSystem ?? 0) }
}
