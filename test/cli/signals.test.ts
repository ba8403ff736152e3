import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderVideo } from '../../src/media/encode.js'
import { DEFAULT_MODEL_FOLDER } from '../../src/model/embedded.js'
import { start } from '../support/cli.js'

const MODULE = new URL('../../src/cli/signals.js', import.meta.url).href

/** Says `ready`, then `draining` at the first signal; ends by itself after it only with `finish`. */
const program = (finish: boolean) => `
  import { drainOnSignals } from ${JSON.stringify(MODULE)}
  const busy = setInterval(() => {}, 1000)
  const drain = drainOnSignals(() => console.log('draining'))
  drain.signal.addEventListener('abort', () => {
    if (!${finish}) return
    clearInterval(busy)
    drain.release()
  })
  console.log('ready')
`

async function run(signals: readonly NodeJS.Signals[], finish: boolean) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(finish)])
  const closed = once(child, 'close')
  const said: string[] = []
  const left = [...signals]
  child.stdout.on('data', (chunk: Buffer) => {
    said.push(...chunk.toString().trim().split('\n'))
    const next = left.shift()
    if (next !== undefined) child.kill(next)
  })
  const [code, signal] = await closed
  return { code, signal, said }
}

test('the first signal asks for an orderly end, and the program ends as it likes', async () => {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    const { code, signal, said } = await run([name], true)
    assert.deepEqual({ code, signal, said }, { code: 0, signal: null, said: ['ready', 'draining'] })
  }
})

test('while a model loads there is nothing to finish: one signal ends it at once', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-loading-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await cp(DEFAULT_MODEL_FOLDER, dir, { recursive: true })
  // Weights that never come: whoever opens a pipe waits for somebody to write into it.
  await rm(join(dir, 'model.safetensors'))
  execFileSync('mkfifo', [join(dir, 'model.safetensors')])
  const { child, finished } = start([
    'backfill',
    dir,
    '--to',
    join(dir, 'out'),
    '--model',
    dir,
    '--engine',
    'onnx',
  ])
  for await (const chunk of child.stderr as AsyncIterable<Buffer>)
    if (/loading model/.test(chunk.toString())) break
  child.kill('SIGINT')
  const { signal, stderr } = await finished
  assert.equal(signal, 'SIGINT', stderr)
  assert.doesNotMatch(stderr, /terminate|Napi/)
})

test('a second signal ends the program at once, as that signal does', async () => {
  assert.equal((await run(['SIGINT', 'SIGINT'], false)).signal, 'SIGINT')
  assert.equal((await run(['SIGINT', 'SIGTERM'], false)).signal, 'SIGTERM')
})

test('a real run in the middle of its work: one signal stores what is in flight, two end it without a word of a crash', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-signals-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await renderVideo(join(dir, 'long.mp4'), {
    filter: 'testsrc2=size=320x240:rate=25:duration=120',
    codec: 'h264',
  })
  const interrupt = async (times: number, ...more: readonly string[]) => {
    const to = join(dir, `out-${times}`)
    const windows = ['--sample', 'window', '--window', '1s', '--stride', '100ms', '--batch', '32', '--json']
    const { child, finished } = start(['backfill', join(dir, 'long.mp4'), '--to', to, ...windows, ...more])
    for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
      if (/"clips":[1-9]/.test(chunk.toString())) break
    }
    child.kill('SIGINT')
    // Signals that come at the same moment are one.
    if (times > 1) await sleep(30)
    if (times > 1) child.kill('SIGINT')
    return finished
  }
  const once = await interrupt(1)
  assert.equal(once.code, 0, once.stderr)
  const summary = JSON.parse(once.stdout) as { drained: boolean; done: number; clips: number; failed: number }
  assert.deepEqual([summary.drained, summary.done, summary.failed], [true, 0, 0])
  assert.ok(summary.clips > 0)
  const told = await interrupt(1, '--stopped-status', '143', '--to', join(dir, 'out-told'))
  assert.deepEqual([told.code, told.signal], [143, null], told.stderr)
  assert.equal((JSON.parse(told.stdout) as { drained: boolean }).drained, true)
  const twice = await interrupt(2)
  assert.equal(twice.signal, 'SIGINT')
  assert.doesNotMatch(twice.stderr, /terminate|Napi/)
})
