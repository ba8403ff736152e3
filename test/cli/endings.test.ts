import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from '../support/cli.js'

const module = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)

/** Fails with a span to deliver, and ends as the command line does. */
const FAILING = `
  import { fail } from ${module('cli/fail.js')}
  import { watched } from ${module('cli/watched.js')}
  import { StanflowError } from ${module('errors.js')}
  import { beginSpan } from ${module('telemetry/trace.js')}
  const job = async () => {
    beginSpan('work', 'consumer', {}).end()
    throw new StanflowError('KAFKA_AUTH', 'Not with this password.')
  }
  await watched('job', {}, job).catch((error) => { process.exitCode = fail(error, { json: false }) })
`

test('a job that failed ends with the status of its error, however long its traces take', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  const child = spawn(process.execPath, ['--input-type=module', '-e', FAILING], { env })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 1, said)
  assert.match(said, /traces were not delivered/)
  assert.match(said, /error KAFKA_AUTH: Not with this password\./)
})

test('an end that was asked for is no error, in words or as JSON', async () => {
  for (const json of [false, true]) {
    const args = ['archive', '--to', 'nowhere', '--brokers', '127.0.0.1:1', ...(json ? ['--json'] : [])]
    const { child, finished } = start(args)
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    while (!said.includes('waiting for the broker')) await sleep(20)
    child.kill('SIGTERM')
    const { code, stderr } = await finished
    assert.equal(code, 0, stderr)
    const last = stderr.trimEnd().split('\n').at(-1) ?? ''
    if (json) assert.match(last, /^\{"event":"stopped","code":"STOPPED","message":"It was told to end/)
    else assert.match(last, /^It was told to end while it waited/)
  }
})
