import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { firstValueFrom, from, lastValueFrom, mergeMap, Observable, take, toArray } from 'rxjs'
import { Budget, batch, decode, FramePool, planClips, pull, sampleClips } from '../../operators/index.js'
import type { Clip, Frame, Sampling, Video } from '../../src/domain.js'
import { StanflowError } from '../../src/errors.js'

const video = (source: string): Video => ({
  source,
  path: source,
  bytes: 1,
  modifiedMs: 0,
  fingerprint: source,
})
const FRAME_BYTES = 12

/** Frames as a decoder gives them, and a count of how many it was asked for. */
function camera(count: number, pool: FramePool, failAt = Number.POSITIVE_INFINITY) {
  const state = { pulled: 0, ended: false }
  const indices = (wanted: readonly number[]) => wanted
  async function* frames(wanted: readonly number[]): AsyncGenerator<Frame> {
    try {
      for (const index of indices(wanted)) {
        if (index >= failAt) throw new StanflowError('MEDIA_DECODE', 'the data ends here')
        state.pulled++
        yield { index, time: index / 10, pixels: pool.allocate(FRAME_BYTES).fill(index % 251) }
      }
    } finally {
      state.ended = true
    }
  }
  const timeline = { times: Float64Array.from({ length: count }, (_, i) => i / 10), duration: count / 10 }
  return { state, frames, timeline }
}

interface Outcome {
  readonly clips: Clip[]
  readonly complete: string[]
  readonly failures: string[]
}

function cut(
  videos: AsyncIterable<Video>,
  sampling: Sampling,
  pool: FramePool,
  budget: Budget,
  cameras: Record<string, ReturnType<typeof camera>>,
) {
  const outcome: Outcome = { clips: [], complete: [], failures: [] }
  const onFailure = (failed: Video, error: StanflowError): void =>
    void outcome.failures.push(`${failed.source} ${error.code}`)
  const clips = pull(videos).pipe(
    decode({
      budget,
      onFailure,
      open: async ({ source }) => {
        const one = cameras[source]
        if (one === undefined) throw new StanflowError('INPUT_NOT_FOUND', `no ${source}`)
        const indices = new Set(
          [...planClips(one.timeline, sampling)].flatMap(({ frameIndices }) => frameIndices),
        )
        return {
          plans: planClips(one.timeline, sampling),
          frames: one.frames([...indices].sort((a, b) => a - b)),
        }
      },
    }),
    sampleClips({
      sampling,
      modelDigest: 'm',
      pool,
      budget,
      onComplete: ({ source }) => outcome.complete.push(source),
      onFailure,
    }),
  )
  return { outcome, clips }
}

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
}

const windows: Sampling = { kind: 'window', frames: 4, length: 1, stride: 0.5 }

describe('pull', () => {
  test('asks for nothing more while the budget is full, and goes on when there is room', async () => {
    const budget = new Budget(3)
    let asked = 0
    async function* source() {
      for (;;) yield ++asked
    }
    const seen: number[] = []
    const subscription = pull(source(), budget).subscribe((n) => {
      budget.take()
      seen.push(n)
    })
    await sleep(20)
    assert.deepEqual(seen, [1, 2, 3])
    assert.equal(asked, 3)
    budget.give()
    await sleep(20)
    assert.deepEqual(seen, [1, 2, 3, 4])
    subscription.unsubscribe()
    budget.give(4)
    await sleep(20)
    assert.equal(asked, 4)
  })

  test('ends the iteration when nobody listens any more', async () => {
    let ended = false
    async function* source() {
      try {
        for (let n = 0; ; n++) {
          await sleep(1)
          yield n
        }
      } finally {
        ended = true
      }
    }
    await lastValueFrom(pull(source()).pipe(take(2)))
    await sleep(20)
    assert.ok(ended)
  })
})

describe('decode and sampleClips', () => {
  test('overlapping windows share frames, each decoded once, and give every buffer back', async () => {
    const pool = new FramePool()
    const budget = new Budget(1000)
    const a = camera(100, pool)
    const { outcome, clips } = cut(each(video('a')), windows, pool, budget, { a })
    const all = await lastValueFrom(clips.pipe(toArray()))
    assert.equal(all.length, [...planClips(a.timeline, windows)].length)
    assert.deepEqual(outcome.complete, ['a'])
    assert.ok(a.state.pulled < all.length * 4)
    assert.deepEqual(
      all[1]?.frames.map(({ index, pixels }) => [index, pixels[0]]),
      [
        [6, 6],
        [8, 8],
        [11, 11],
        [13, 13],
      ],
    )
    const held = pool.made
    for (const clip of all) for (const { pixels } of clip.frames) pool.release(pixels)
    for (let i = 0; i < held; i++) pool.allocate(FRAME_BYTES)
    assert.equal(pool.made, held, 'a buffer was not given back')
  })

  test('what is in flight stays bounded however long the video, if the consumer is slow', async () => {
    const pool = new FramePool()
    const budget = new Budget(4)
    const a = camera(20_000, pool)
    const { clips } = cut(each(video('a')), windows, pool, budget, { a })
    let most = 0
    let seen = 0
    await lastValueFrom(
      clips.pipe(
        mergeMap(async (clip) => {
          most = Math.max(most, budget.inFlight)
          if (++seen % 100 === 0) await sleep(1)
          else await Promise.resolve()
          for (const { pixels } of clip.frames) pool.release(pixels)
          budget.give()
        }),
      ),
    )
    assert.equal(seen, [...planClips(a.timeline, windows)].length)
    assert.ok(most <= 6, `${most} clips in flight`)
    assert.ok(pool.made <= 40, `${pool.made} frame buffers`)
  })

  test('a video that fails keeps the clips it had, and the others never notice', async () => {
    const pool = new FramePool()
    const cameras = { good: camera(50, pool), bad: camera(50, pool, 30) }
    const { outcome, clips } = cut(
      each(video('bad'), video('missing'), video('good')),
      windows,
      pool,
      new Budget(1000),
      cameras,
    )
    const all = await lastValueFrom(clips.pipe(toArray()))
    assert.deepEqual(outcome.complete, ['good'])
    assert.deepEqual(outcome.failures.sort(), ['bad MEDIA_DECODE', 'missing INPUT_NOT_FOUND'])
    const of = (source: string) => all.filter((clip) => clip.video.source === source)
    assert.equal(of('good').length, [...planClips(cameras.good.timeline, windows)].length)
    assert.ok(
      of('bad').length > 0 && of('bad').every(({ frames }) => frames.every(({ index }) => index < 30)),
    )
  })

  test('the same work has the same id, and any difference another', async () => {
    const ids = async (sampling: Sampling, source: string) => {
      const pool = new FramePool()
      const { clips } = cut(each(video(source)), sampling, pool, new Budget(1000), {
        [source]: camera(50, pool),
      })
      return (await lastValueFrom(clips.pipe(toArray()))).map(({ id }) => id)
    }
    const first = await ids(windows, 'a')
    assert.deepEqual(await ids(windows, 'a'), first)
    const others = [
      await ids(windows, 'b'),
      await ids({ ...windows, stride: 0.25 }, 'a'),
      await ids({ ...windows, frames: 3 }, 'a'),
    ]
    const all = [first, ...others].flat()
    assert.equal(new Set(all).size, all.length)
  })

  test('unsubscribing ends the decoder', async () => {
    const pool = new FramePool()
    const a = camera(1_000_000, pool)
    const { clips } = cut(
      each(video('a')),
      { kind: 'window', frames: 4, length: 1, stride: 1 },
      pool,
      new Budget(10),
      { a },
    )
    await firstValueFrom(clips)
    await sleep(20)
    assert.ok(a.state.ended)
    assert.ok(a.state.pulled < 100)
  })
})

describe('batch', () => {
  test('goes when full, and when the oldest item has waited long enough', async () => {
    const slow = new Observable<number>((subscriber) => {
      for (const n of [1, 2, 3, 4, 5]) subscriber.next(n)
      setTimeout(() => subscriber.next(6), 60)
      setTimeout(() => subscriber.complete(), 120)
    })
    assert.deepEqual(await lastValueFrom(slow.pipe(batch({ size: 2, deadline: 20 }), toArray())), [
      [1, 2],
      [3, 4],
      [5],
      [6],
    ])
  })

  test('what is overdue goes on filling while nobody could take it', async () => {
    let free = false
    const items = new Observable<number>((subscriber) => {
      subscriber.next(1)
      setTimeout(() => subscriber.next(2), 60)
      setTimeout(() => {
        free = true
      }, 90)
      setTimeout(() => subscriber.complete(), 200)
    })
    const batches = await lastValueFrom(
      items.pipe(batch({ size: 4, deadline: 10, busy: () => !free }), toArray()),
    )
    assert.deepEqual(batches, [[1, 2]])
  })

  test('keeps every item in order', async () => {
    const items = Array.from({ length: 1003 }, (_, i) => i)
    const batches = await lastValueFrom(from(items).pipe(batch({ size: 7, deadline: 1000 }), toArray()))
    assert.deepEqual(batches.flat(), items)
    assert.ok(batches.slice(0, -1).every(({ length }) => length === 7))
  })
})
