import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ablate } from '../../pipelines/ablate.js'
import { clipShards } from '../../pipelines/clip-shards.js'
import { writeScenes } from '../../pipelines/scenes.js'
import { train } from '../../pipelines/train.js'
import { folderWith } from '../config/folder.js'
import { type Finished, start } from '../support/cli.js'
import { fixture } from '../support/fixtures.js'

const STAGE = 'steps: 1, batch: 2, rate: 0.001'
const TRUNK = `{ model: {}, data: { train: 4 }, stages: [{ name: one, kind: pictures, ${STAGE} }] }`
const FILES = {
  file: 'what somebody needs',
  'train.yaml': TRUNK,
  'ablate.yaml': `{ trunk: ${TRUNK}, stages: [{ name: one, kind: clips, ${STAGE} }], variants: [{ name: mean, structure: mean }] }`,
  'table.csv': 'path,text,split\na.mp4,one,train\nb.mp4,two,train\nc.mp4,three,val\nd.mp4,four,val\n',
  // Nothing is decoded before the folder is made.
  ...{ 'a.mp4': '', 'b.mp4': '', 'c.mp4': '', 'd.mp4': '' },
}
const REFUSED = { code: 'OUTPUT_WRITE', hint: /another folder/ }

describe('a file where the folder is to be', () => {
  const scenes = { task: 'motion', split: 'test', seed: 1, count: 1, side: 32 } as const
  const shards = { name: 'x', scenes: [], frames: 2, side: 32, size: 24, jitter: false }
  const runs: Readonly<Record<string, (folder: string, to: string) => Promise<unknown>>> = {
    scenes: (_, to) => writeScenes({ ...scenes, to }),
    'train on scenes': (folder, to) => train({ config: join(folder, 'train.yaml'), to }),
    'train on data': async (folder, to) => {
      const config = join(folder, 'data.yaml')
      const data = `{ kind: table, place: ${join(folder, 'table.csv')} }`
      await writeFile(config, `{ data: ${data}, model: { from: default }, ${STAGE} }`)
      await train({ config, to })
    },
    ablate: (folder, to) => ablate({ config: join(folder, 'ablate.yaml'), to }),
    'clips of a training': (_, dir) => clipShards({ ...shards, dir }),
  }
  for (const [name, run] of Object.entries(runs)) {
    test(`${name}: refused with a code and a hint, in its way or above it`, async (t) => {
      const folder = await folderWith(t, FILES)
      await assert.rejects(run(folder, join(folder, 'file')), REFUSED)
      await assert.rejects(run(folder, join(folder, 'file', 'below')), REFUSED)
    })
  }

  test('the command says so in two lines', async (t) => {
    const folder = await folderWith(t, FILES)
    const { code, stderr } = await bounded(['scenes', '--to', 'file', '--count', '1'], { cwd: folder })
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^error OUTPUT_WRITE: Cannot write file: .* is a file\.\nhint: .*another folder.*\n$/,
    )
  })
})

// Node's own recursive mkdir tries for ever there.
describe('a place that takes no folders', { skip: !existsSync('/proc/self') }, () => {
  const commands: readonly [string, readonly string[], NodeJS.ProcessEnv?][] = [
    ['scenes', ['scenes', '--to', '/proc/nope', '--count', '1']],
    ['train', ['train', '--config', 'train.yaml', '--to', '/proc/nope/run']],
    ['ablate', ['ablate', '--config', 'ablate.yaml', '--to', '/proc/nope/runs']],
    ['models import', ['models', 'import', fixture('tiny'), '--to', '/proc/nope/models/tiny']],
  ]
  for (const [name, args] of commands) {
    test(`${name}: refused at once`, async (t) => {
      const { code, stderr } = await bounded(args, { cwd: await folderWith(t, FILES) })
      assert.equal(code, 1, stderr)
      assert.match(stderr, /^error OUTPUT_WRITE: Cannot write \/proc\/nope/)
    })
  }

  test('models pull: a cache there is no reason to try for ever', async () => {
    const env = { STANFLOW_CACHE: '/proc/nope/cache', STANFLOW_OFFLINE: '1' }
    const { code, stderr } = await bounded(['models', 'pull', 'tiny-team/clip-tiny'], { env })
    assert.equal(code, 1, stderr)
    assert.match(stderr, /^error HUB_OFFLINE/)
  })
})

/** Ended after two minutes, however busy it keeps itself. */
async function bounded(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<Finished> {
  const { child, finished } = start(args, options)
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
  try {
    const ended = await finished
    assert.equal(ended.signal, null, `${args.join(' ')} did not end`)
    return ended
  } finally {
    clearTimeout(timer)
  }
}
