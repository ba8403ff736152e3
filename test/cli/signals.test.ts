import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

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

test('a second signal ends the program at once, with the status of that signal', async () => {
  assert.equal((await run(['SIGINT', 'SIGINT'], false)).code, 130)
  assert.equal((await run(['SIGINT', 'SIGTERM'], false)).code, 143)
})
