import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from '../../../src/connect/s3/lock.js'
import { Bucket } from './support.js'

const PACE = { beatMs: 50, deadAfterMs: 1500, lookMs: 30 }

let bucket: Bucket
before(async () => {
  bucket = await Bucket.make()
})
after(() => bucket.close())

/** A lock as a run on another machine leaves it. */
const elsewhere = (beat: number) =>
  JSON.stringify({
    id: 'x',
    run: 'abcdef01',
    pid: 7,
    host: 'elsewhere',
    started: 'boot:1',
    since: '2026',
    beat,
  })

test('a lock of another machine holds while it is rewritten, and is taken over once it is not', async () => {
  const place = bucket.at('lock')
  await bucket.s3.put(place, elsewhere(0))
  let beat = 1
  const beating = setInterval(() => bucket.s3.put(place, elsewhere(beat++)).catch(() => undefined), 200)
  await assert.rejects(takeLock(bucket.s3, place, '00000001', PACE), {
    code: 'OUTPUT_LOCKED',
    message: 'Process 7 on elsewhere has been writing to this place since 2026.',
  })
  clearInterval(beating)
  await sleep(100)
  const lock = await takeLock(bucket.s3, place, '00000001', PACE)
  await lock.assertHeld()
  await lock.release()
  assert.equal(await bucket.s3.get(place), undefined)
})

test('whoever lost a lock does not get it back by its next beat, nor removes it', async () => {
  const place = bucket.at('lost')
  const lock = await takeLock(bucket.s3, place, '00000001', PACE)
  await sleep(200)
  await lock.assertHeld()
  await bucket.s3.put(place, elsewhere(0))
  await sleep(200)
  await assert.rejects(lock.assertHeld(), { code: 'OUTPUT_LOCKED' })
  await lock.release()
  assert.match(Buffer.from((await bucket.s3.get(place))?.body ?? []).toString(), /elsewhere/)
})

test('a lock goes on being rewritten after a beat whose answer was lost', async () => {
  const place = bucket.at('unanswered')
  const lock = await takeLock(bucket.s3, place, '00000001', PACE)
  const read = async () => Buffer.from((await bucket.s3.get(place))?.body ?? []).toString()
  // As the server has it then: this run's own words, under an ETag that the run never heard of.
  const lost = `${await read()} `
  await bucket.s3.put(place, lost)
  const until = performance.now() + 10_000
  while ((await read()) === lost && performance.now() < until) await sleep(20)
  assert.notEqual(await read(), lost)
  await lock.assertHeld()
  await lock.release()
})

test('of ten that find a lock dead at once, one takes it over', async () => {
  const place = bucket.at('contended')
  await bucket.s3.put(place, elsewhere(0))
  const tries = await Promise.allSettled(
    Array.from({ length: 10 }, (_, i) => takeLock(bucket.s3, place, `0000000${i}`, PACE)),
  )
  const taken = tries.filter(({ status }) => status === 'fulfilled')
  assert.equal(taken.length, 1)
  for (const one of taken) if (one.status === 'fulfilled') await one.value.release()
})
