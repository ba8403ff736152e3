import { randomUUID } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { StanflowError } from '../errors.js'

/** The process that holds a lock. */
export interface Holder {
  readonly id: string
  /** Id of its run, part of the names it gives. */
  readonly run: string
  readonly pid: number
  readonly host: string
  /** Tells containers apart that share a host name: process numbers of one mean nothing in another. */
  readonly world: string
  /** Tells a process from a later one with its number, and a machine from another; `''` where the system does not say. */
  readonly started: string
  /** ISO 8601. */
  readonly since: string
}

export async function thisProcess(run: string): Promise<Holder> {
  return {
    id: randomUUID(),
    run,
    pid: process.pid,
    host: hostname(),
    world: await processWorld(),
    started: (await processStart(process.pid)) ?? '',
    since: new Date().toISOString(),
  }
}

/** `undefined` for a text that is cut short or no holder. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const value: Partial<Holder> = JSON.parse(text)
    const { id = '', run = '', pid, host, world = '', started = '', since = '' } = value
    if (pid === undefined || host === undefined) return undefined
    return { id, run, pid, host, world, started, since }
  } catch {
    return undefined
  }
}

/** Whether a process lives, as far as this one can say; `undefined` for one of another machine or container. */
export async function lives(holder: Holder): Promise<boolean | undefined> {
  if (!(await isNear(holder))) return undefined
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const started = await processStart(holder.pid)
  return started === undefined || holder.started === '' || started === holder.started
}

/** Whether process numbers mean the same to that holder as to this process. */
async function isNear({ host, world }: Holder): Promise<boolean> {
  return host === hostname() && (world === '' || world === (await processWorld()))
}

/** Whether the holder's machine is this one for sure: pods on two machines may be called the same. */
export async function isOfThisBoot({ started }: Holder): Promise<boolean> {
  const mine = await processStart(process.pid)
  return mine !== undefined && started !== '' && started.split(':')[0] === mine.split(':')[0]
}

/** Boot and clock tick at which a process began, `'dead'` for one that only waits to be reaped (Linux). */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'latin1')
    const boot = await bootId()
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : `${boot}:${fields[19]}`
  } catch {
    return undefined
  }
}

const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim()

/** The machine's first namespace of process numbers, the same after every boot. */
const FIRST_WORLD = 'pid:[4026531836]'

/** The namespace that process numbers are of, `''` where the system does not say (Linux). */
async function processWorld(): Promise<string> {
  try {
    const world = await readlink('/proc/self/ns/pid')
    return world === FIRST_WORLD ? world : `${world} ${await bootId()}`
  } catch {
    return ''
  }
}

/** `expires`: how long a lock of another machine that is gone holds, in words. */
export async function lockedBy(holder: Holder, place: string, expires: string): Promise<StanflowError> {
  const hint = `Wait for it, or give this run another --to folder. If that machine or container is gone, its lock ends in ${expires}.`
  return new StanflowError(
    'OUTPUT_LOCKED',
    `${await who(holder)} has been writing to this ${place} since ${holder.since}.`,
    (await isNear(holder)) ? {} : { hint },
  )
}

/** Whether a lock could not be had because somebody else has it. */
export const isTaken = (error: unknown): error is StanflowError =>
  error instanceof StanflowError && error.code === 'OUTPUT_LOCKED'

export async function who(holder: Holder): Promise<string> {
  const { pid, host } = holder
  if (await isNear(holder)) return `Process ${pid}`
  return `Process ${pid} ${host === hostname() ? `in another container called ${host}` : `on ${host}`}`
}
