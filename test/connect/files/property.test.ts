import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FileStore } from '../../../src/connect/files/store.js'
import { clips, inFolder, open, stored, video } from './support.js'

const SOURCES = ['a.mp4', 'b.mp4', 'c.mp4']

type Step =
  | { readonly do: 'write'; readonly of: number; readonly clips: number }
  | { readonly do: 'finish'; readonly of: number }
  | { readonly do: 'change'; readonly of: number }
  | { readonly do: 'checkpoint' | 'crash' | 'reopen' }

const source = fc.nat(SOURCES.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      of: source,
      clips: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('finish' as const), of: source }),
      fc.record({ do: fc.constant('change' as const), of: source }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('checkpoint' as const, 'crash' as const, 'reopen' as const) }),
  },
)

interface Held {
  readonly version: number
  readonly clips: number
  readonly done: boolean
}

/** What the test expects of one source. */
interface Model {
  /** The content now. */
  version: number
  /** What the next checkpoint makes durable; of an older version until something of the new one is written. */
  written: Held
  /** What survives a crash. */
  kept: Held
}

const NOTHING: Held = { version: 0, clips: 0, done: false }

const contentOf = (of: number, version: number) => video(SOURCES[of] ?? '', `${of} version ${version}`)

test('whatever is written, finished, changed, crashed and reopened: the rows are exactly what progress claims', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) =>
      inFolder(async (dir) => {
        const models = SOURCES.map((): Model => ({ version: 0, written: NOTHING, kept: NOTHING }))
        let results = await open(dir)
        const end = async (clean: boolean) => {
          if (clean) await results.close()
          else await rm(join(dir, '.stanflow.lock'))
          results = await open(dir)
          await check(dir, results, models)
        }
        for (const now of steps) {
          if (now.do === 'checkpoint') await results.checkpoint()
          if (now.do === 'checkpoint' || now.do === 'reopen') models.forEach(keep)
          if (now.do === 'reopen') await end(true)
          if (now.do === 'crash') {
            models.forEach(forget)
            await end(false)
          }
          if (now.do === 'write' || now.do === 'finish' || now.do === 'change') {
            const model = models[now.of]
            assert.ok(model)
            await act(results, now, model)
          }
        }
        models.forEach(keep)
        await end(true)
        await results.close()
      }),
    ),
    { numRuns: 25 },
  ))

async function act(
  results: FileStore,
  step: Extract<Step, { readonly of: number }>,
  model: Model,
): Promise<void> {
  const { version, written } = model
  const of = contentOf(step.of, version)
  const { clips: from, done } = written.version === version ? written : NOTHING
  if (step.do === 'change') {
    model.version += 1
  } else if (step.do === 'finish') {
    await results.finish(of, from)
    model.written = { version, clips: from, done: true }
  } else if (!done) {
    const to = from + step.clips
    await results.write(of, clips(of, from, to))
    model.written = { version, clips: to, done: false }
  }
}

/** A checkpoint: what was written of a new version takes the place of the old one. */
function keep(model: Model): void {
  model.kept = model.written
}

function forget(model: Model): void {
  model.written = model.kept
}

async function check(dir: string, results: FileStore, models: readonly Model[]): Promise<void> {
  const rows = await stored(dir)
  models.forEach(({ kept }, of) => {
    const { clips: count, done } = results.progress(contentOf(of, kept.version))
    assert.deepEqual({ clips: count, done }, { clips: kept.clips, done: kept.done })
    assert.deepEqual(
      rows[SOURCES[of] ?? ''] ?? [],
      Array.from({ length: kept.clips }, (_, i) => i),
    )
  })
}
