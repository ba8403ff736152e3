import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StanflowError } from '../../errors.js'
import type { Lock } from '../blobs.js'
import { type Holder, lives, lockedBy, parseHolder, thisProcess } from '../holder.js'
import { outputError, systemCode } from './fs-errors.js'

/** How often a live run touches its lock, and how long one of another machine may lie untouched, in seconds. */
const TOUCH_EVERY = 60
const TOUCHED_WITHIN = 600
/** What looking at a dead lock and removing it never takes, and how long others wait before they look again. */
const TURN_SECONDS = 10
const TURN_MS = 20
/** A lock that says no holder is left to whoever makes it for so long. */
const FRESH_SECONDS = 2

/**
 * Takes a lock file. One whose process is dead is taken over.
 * @throws StanflowError OUTPUT_LOCKED naming the holder; OUTPUT_PERMISSION, OUTPUT_FULL, OUTPUT_WRITE
 */
export async function takeLock(path: string, run: string): Promise<Lock> {
  const me = await thisProcess(run)
  while (!(await tryCreate(path, me))) {
    const text = await readLock(path)
    if (text === undefined) continue
    const holder = parseHolder(text)
    if (holder !== undefined && (await isAlive(holder, path))) {
      throw await lockedBy(holder, 'folder', `${TOUCHED_WITHIN / 60} minutes`)
    }
    if (holder === undefined && (await isFresh(path))) await sleep(100)
    else await removeDead(path, text, me)
  }
  const touching = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, TOUCH_EVERY * 1000).unref()
  const isMine = async () => parseHolder((await readLock(path)) ?? '')?.id === me.id
  return {
    async assertHeld() {
      if (await isMine()) return
      throw new StanflowError(
        'OUTPUT_LOCKED',
        `Another run took ${dirname(path)} over while this one was working.`,
      )
    },
    async release() {
      clearInterval(touching)
      if (await isMine()) await rm(path, { force: true })
    },
  }
}

/** Who holds a lock file and lives; `undefined` where nobody does. */
export async function liveHolder(path: string): Promise<Holder | undefined> {
  const holder = parseHolder((await readLock(path)) ?? '')
  return holder !== undefined && (await isAlive(holder, path)) ? holder : undefined
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

/** Undefined where it is not there. */
async function ageSeconds(path: string): Promise<number | undefined> {
  const facts = await stat(path).catch(() => undefined)
  return facts && (Date.now() - facts.mtimeMs) / 1000
}

/** Not written whole yet, it may be somebody's the next moment. */
const isFresh = async (path: string): Promise<boolean> => ((await ageSeconds(path)) ?? 0) < FRESH_SECONDS

/**
 * Several runs may find the same dead lock, and whoever removes it late would remove the one that a quicker run has made since. So
 * one at a time looks and removes: it has a second file meanwhile, which counts no more once it is old, as its process was killed.
 */
async function removeDead(path: string, dead: string, me: Holder): Promise<void> {
  const turn = `${path}.turn`
  if (!(await tryCreate(turn, me))) {
    if (((await ageSeconds(turn)) ?? 0) > TURN_SECONDS) await rm(turn, { force: true })
    else await sleep(TURN_MS)
    return
  }
  try {
    const isDead =
      (await readLock(path)) === dead && (parseHolder(dead) !== undefined || !(await isFresh(path)))
    if (isDead) await rm(path, { force: true })
  } finally {
    await rm(turn, { force: true })
  }
}

/** A process of another machine or container cannot be looked at; it counts as alive while it touches its lock. */
async function isAlive(holder: Holder, path: string): Promise<boolean> {
  return (await lives(holder)) ?? ((await ageSeconds(path)) ?? Number.POSITIVE_INFINITY) < TOUCHED_WITHIN
}
