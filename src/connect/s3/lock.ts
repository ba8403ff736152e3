import { setTimeout as sleep } from 'node:timers/promises'
import { StanflowError } from '../../errors.js'
import type { Held, Lock } from '../blobs.js'
import { type Holder, isOfThisBoot, lives, lockedBy, parseHolder, thisProcess, who } from '../holder.js'
import type { S3 } from './client.js'
import { type S3Place, s3Uri } from './uri.js'

/** How often a live run rewrites its lock, how long one may stay as it is before its run counts as dead, and how often it is looked at meanwhile. */
export interface Pace {
  readonly beatMs: number
  readonly deadAfterMs: number
  readonly lookMs: number
}

const PACE: Pace = { beatMs: 10_000, deadAfterMs: 45_000, lookMs: 1000 }

interface Found {
  readonly holder: Holder | undefined
  readonly etag: string
}

/**
 * Takes a lock object. Whether a holder on another machine lives is seen by its lock being rewritten or not, for as long
 * as that may take: clocks of machines are not compared.
 * @throws StanflowError OUTPUT_LOCKED naming the holder; S3_*
 */
export async function takeLock(s3: S3, place: S3Place, run: string, pace = PACE): Promise<Lock> {
  const me = await thisProcess(run)
  let beats = 0
  const text = (): string => `${JSON.stringify({ ...me, beat: beats++ })}\n`
  const isMine = async (): Promise<boolean> => (await look(s3, place))?.holder?.id === me.id
  const lost = (): StanflowError =>
    new StanflowError('OUTPUT_LOCKED', `Another run took ${s3Uri(place)} over while this one was working.`)

  let etag = await s3.put(place, text(), { ifNoneMatch: '*' })
  while (etag === undefined) {
    const found = await look(s3, place)
    if (found === undefined) {
      etag = await s3.put(place, text(), { ifNoneMatch: '*' })
    } else if (found.holder?.id === me.id) {
      // The answer to a try of ours was lost.
      etag = found.etag
    } else {
      // A try of this very run that did not come to its end holds nobody up.
      if (found.holder?.run !== run && (await isAlive(s3, place, found, pace))) {
        throw await lockedBy(found.holder as Holder, 'place', `${pace.deadAfterMs / 1000} seconds`)
      }
      etag = await s3.put(place, text(), { ifMatch: found.etag })
    }
  }
  // A server that knows no conditions gives the lock to both; the last one to write has it.
  if (!(await isMine())) throw lost()

  let current = etag
  let beating: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    beating = beating
      .then(async () => {
        const written = await s3.put(place, text(), { ifMatch: current })
        if (written !== undefined) {
          current = written
          return
        }
        // Lost to another run; or it is this run's own write, whose answer was lost and which was then tried again.
        const found = await look(s3, place)
        if (found?.holder?.id === me.id) current = found.etag
      })
      // The next beat tries again; a lock that was lost is seen before the next write.
      .catch(() => undefined)
  }, pace.beatMs).unref()
  return {
    async assertHeld() {
      if (!(await isMine())) throw lost()
    },
    async release() {
      clearInterval(timer)
      await beating
      if (await isMine()) await s3.remove(place)
    },
  }
}

/** Who holds a lock object and lives; `undefined` where nobody does. */
export async function liveHolder(s3: S3, place: S3Place): Promise<Omit<Held, 'name'> | undefined> {
  const found = await look(s3, place)
  if (found?.holder === undefined || !(await isAlive(s3, place, found, PACE))) return undefined
  return { run: found.holder.run, who: await who(found.holder) }
}

async function look(s3: S3, place: S3Place): Promise<Found | undefined> {
  const object = await s3.get(place)
  if (object === undefined) return undefined
  return { holder: parseHolder(Buffer.from(object.body).toString()), etag: object.etag }
}

/** A process of this machine can be asked; one of another shows itself by its beats. */
async function isAlive(s3: S3, place: S3Place, { holder, etag }: Found, pace: Pace): Promise<boolean> {
  if (holder === undefined) return false
  if (await isOfThisBoot(holder)) {
    const here = await lives(holder)
    if (here !== undefined) return here
  }
  const until = performance.now() + pace.deadAfterMs
  while (performance.now() < until) {
    await sleep(pace.lookMs)
    const now = await look(s3, place)
    if (now === undefined) return false
    if (now.etag !== etag) return now.holder !== undefined
  }
  return false
}
