import { randomUUID } from 'node:crypto'
import { link, open, readFile, readlink, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StanflowError } from '../../errors.js'
import { outputError, systemCode } from './fs-errors.js'
import { LOCK } from './layout.js'

interface Holder {
  readonly id: string
  readonly pid: number
  readonly host: string
  /** Tells containers apart that share a host name: process numbers of one mean nothing in another. */
  readonly world: string
  /** Tells a process from a later one with its number; `''` where the system does not say. */
  readonly started: string
  /** ISO 8601. */
  readonly since: string
}

/** How often a live run touches its lock, and how long one of another machine may lie untouched, in seconds. */
const TOUCH_EVERY = 60
const TOUCHED_WITHIN = 600

/** One writer to an output folder at a time. */
export interface Lock {
  /** @throws StanflowError OUTPUT_LOCKED when another process took the folder over */
  assertHeld(): Promise<void>
  release(): Promise<void>
}

/**
 * Takes `<dir>/.stanflow.lock`. A lock whose process is dead is taken over.
 * @throws StanflowError OUTPUT_LOCKED naming the holder; OUTPUT_PERMISSION, OUTPUT_FULL, OUTPUT_WRITE
 */
export async function takeLock(dir: string): Promise<Lock> {
  const path = join(dir, LOCK)
  const me: Holder = {
    id: randomUUID(),
    pid: process.pid,
    host: hostname(),
    world: await processWorld(),
    started: (await processStart(process.pid)) ?? '',
    since: new Date().toISOString(),
  }
  while (!(await tryCreate(path, me))) {
    const text = await readLock(path)
    if (text === undefined) continue
    const holder = parseHolder(text)
    if (holder !== undefined && (await isAlive(holder, path))) throw await lockedBy(holder)
    if (holder === undefined && (await ageSeconds(path)) < 2) await sleep(100)
    else await removeDead(path, text)
  }
  const touching = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, TOUCH_EVERY * 1000).unref()
  const isMine = async () => parseHolder((await readLock(path)) ?? '')?.id === me.id
  return {
    async assertHeld() {
      if (await isMine()) return
      throw new StanflowError('OUTPUT_LOCKED', `Another run took ${dir} over while this one was working.`)
    },
    async release() {
      clearInterval(touching)
      if (await isMine()) await rm(path, { force: true })
    },
  }
}

async function tryCreate(path: string, me: Holder): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: unknown) => {
    if (systemCode(error) === 'EEXIST') return undefined
    throw outputError(path, error)
  })
  if (file === undefined) return false
  try {
    await file.writeFile(`${JSON.stringify(me)}\n`)
    return true
  } catch (error) {
    await rm(path, { force: true })
    throw outputError(path, error)
  } finally {
    await file.close()
  }
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw outputError(path, error)
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: Partial<Holder> = JSON.parse(text)
    const { id = '', pid, host, world = '', started = '', since = '' } = value
    return pid === undefined || host === undefined ? undefined : { id, pid, host, world, started, since }
  } catch {
    return undefined
  }
}

async function ageSeconds(path: string): Promise<number> {
  const modified = await stat(path).then(
    (facts) => facts.mtimeMs,
    () => 0,
  )
  return (Date.now() - modified) / 1000
}

/** Two runs may find the same dead lock: whoever moves it away must see that it is still that one. */
async function removeDead(path: string, dead: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw outputError(path, error)
  }
  if ((await readLock(aside)) !== dead) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/** Whether process numbers mean the same to that holder as to this process. */
async function isNear({ host, world }: Holder): Promise<boolean> {
  return host === hostname() && (world === '' || world === (await processWorld()))
}

/** A process of another machine or container cannot be looked at; it counts as alive while it touches its lock. */
async function isAlive(holder: Holder, path: string): Promise<boolean> {
  if (!(await isNear(holder))) return (await ageSeconds(path)) < TOUCHED_WITHIN
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
  const started = await processStart(holder.pid)
  return started === undefined || holder.started === '' || started === holder.started
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

async function lockedBy(holder: Holder): Promise<StanflowError> {
  const elsewhere = (await isNear(holder))
    ? ''
    : holder.host === hostname()
      ? ` in another container called ${holder.host}`
      : ` on ${holder.host}`
  const minutes = TOUCHED_WITHIN / 60
  const hint = `Wait for it, or give this run another --to folder. If that machine or container is gone, its lock ends in ${minutes} minutes.`
  return new StanflowError(
    'OUTPUT_LOCKED',
    `Process ${holder.pid}${elsewhere} has been writing to this folder since ${holder.since}.`,
    elsewhere === '' ? {} : { hint },
  )
}
