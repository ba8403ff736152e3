import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { readCheckpoint } from '../../src/train/checkpoint.js'
import { readLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'
import { cli, type Running, start } from '../support/cli.js'
import { TINY } from './tiny.js'

const RECIPE = `
threads: 1
frames: 2
${TINY}
data: { train: 2000, validation: 6, side: 48 }
validate-every: 1
checkpoint-seconds: 0.0001
stages:
  - { name: motions, kind: clips, steps: 20, batch: 2, rate: 0.001 }
`

async function said({ child }: Running, what: RegExp): Promise<void> {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  while (!what.test(text)) {
    assert.equal(child.exitCode, null, text)
    await wait(5)
  }
}

test('a run that is stopped or killed while clips are made or weights learnt goes on, and has its folder to itself', async (t) => {
  const folder = await folderWith(t, { 'train.yaml': RECIPE })
  const to = join(folder, 'run')
  const log = join(to, 'log.jsonl')
  const args = ['train', '--config', join(folder, 'train.yaml'), '--to', to]
  const clips = () => readdir(join(to, 'clips'))

  const asked = start(args)
  await said(asked, /train: \d+ of 2,000 clips made/)
  asked.child.kill('SIGINT')
  const stopped = await asked.finished
  assert.equal(stopped.code, 130, stopped.stderr)
  assert.match(stopped.stderr, /\nstopping\n(.*\n)*stopped; run the same command again to go on\n$/)
  assert.deepEqual(
    (await clips()).filter((name) => !name.endsWith('.rgb')),
    [],
  )

  const isMaking = async () => (await clips()).some((name) => name.endsWith('.lock'))
  const asJson = start([...args, '--json'])
  while (!(await isMaking()) && asJson.child.exitCode === null) await wait(5)
  asJson.child.kill('SIGINT')
  const document = await asJson.finished
  assert.deepEqual([document.code, JSON.parse(document.stdout)], [130, { finished: false, to }])

  const killed = start(args)
  while (!(await isMaking()) && killed.child.exitCode === null) await wait(5)
  killed.child.kill('SIGKILL')
  assert.equal((await killed.finished).signal, 'SIGKILL')
  assert.ok(await isMaking())

  const first = start(args)
  while (readLog(log).length < 2 && first.child.exitCode === null) await wait(5)
  // It lives, and gets no further.
  first.child.kill('SIGSTOP')
  const second = await cli(args)
  assert.equal(second.code, 1, second.stderr)
  assert.match(
    second.stderr,
    /error OUTPUT_LOCKED: .*run is taken: Process \d+ .*\nhint: Wait for the other run/,
  )
  first.child.kill('SIGKILL')
  await first.finished

  // The best so far is a model, whatever ended the run.
  const best = readCheckpoint(join(to, 'best.safetensors'))
  assert.ok(best)
  const told = await cli(['models', 'info', join(to, 'model'), '--json'])
  assert.equal(told.code, 0, told.stderr)

  const rest = await cli(args)
  assert.equal(rest.code, 0, rest.stderr)
  assert.match(rest.stderr, /going on at step \d+ of 20 \(stage motions\)\n/)
  // A log has the last of the progress, too soon as it came.
  assert.match(rest.stderr, /motions 20 of 20 .*\n(motions 20: .*\n)?$/)
  assert.match(rest.stdout, /^trained 20 steps in /)
  assert.deepEqual(
    readLog(log).map(({ total }) => total),
    Array.from({ length: 20 }, (_, n) => n + 1),
  )
  assert.deepEqual(
    (await clips()).filter((name) => !name.endsWith('.rgb')),
    [],
  )

  const again = await cli(args)
  assert.match(again.stdout, /^nothing left to do: trained 20 steps in /)
})
