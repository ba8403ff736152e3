import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { train } from '../../pipelines/train.js'
import { folderWith } from '../config/folder.js'
import { TINY } from './tiny.js'

const RECIPE = `
threads: 1
frames: 2
${TINY}
data: { train: 60, validation: 6, side: 48 }
stages:
  - { name: a, kind: clips, steps: 1, batch: 2, rate: 0.001 }
  - { name: b, kind: clips, steps: 2, batch: 2, rate: 0.001 }
`

test('a signal that comes during the last step stops nothing; one at the end of a stage, the next', async (t) => {
  const folder = await folderWith(t, { 'train.yaml': RECIPE })
  const run = async (to: string, last: number) => {
    const stop = new AbortController()
    const { finished, steps } = await train(
      { config: join(folder, 'train.yaml'), to: join(folder, to) },
      {
        signal: stop.signal,
        onStep: ({ total }) => {
          if (total === last) stop.abort()
        },
      },
    )
    return { finished, steps }
  }
  assert.deepEqual(await run('whole', 3), { finished: true, steps: 3 })
  assert.deepEqual(await run('half', 1), { finished: false, steps: 1 })
  assert.deepEqual(await run('half', 9), { finished: true, steps: 3 })
})
