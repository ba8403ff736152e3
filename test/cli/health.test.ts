import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../../src/telemetry/metrics.js'
import { StatusServer } from '../../src/telemetry/server.js'
import { cli } from '../support/cli.js'

test('a command that serves its status is asked without curl, and answers by the exit status', async (t) => {
  let [failing, waiting] = [undefined, undefined] as (string | undefined)[]
  const health = { failing: () => failing, waiting: () => waiting }
  const server = await StatusServer.start('127.0.0.1:0', new Metrics({ process: false }), health)
  t.after(() => server.close())
  const port = server.address.split(':')[1]
  // As a container has it: what is listened to at every address is asked at its own.
  const env = { STANFLOW_LISTEN: `0.0.0.0:${port}` }

  const well = await cli(['health'], { env })
  assert.deepEqual([well.code, well.stdout, well.stderr], [0, 'ok\n', ''])
  waiting = 'the broker is away'
  assert.equal((await cli(['health'], { env })).code, 0)
  const unready = await cli(['health', '--ready'], { env })
  assert.equal(unready.code, 1)
  assert.match(unready.stderr, /UNHEALTHY: .*\/readyz: the broker is away/)
  failing = 'INTERNAL'
  const ill = await cli(['health', '--json', `http://127.0.0.1:${port}`])
  assert.equal(ill.code, 1)
  assert.match(ill.stderr, /"code":"UNHEALTHY","message":".*INTERNAL"/)
})

test('where nobody listens, a job that serves no status is well, and a command that should is not', async () => {
  // An address of this machine at which no test listens.
  const address = '127.66.0.1:46464'
  const strict = await cli(['health', address])
  assert.equal(strict.code, 1)
  assert.match(strict.stderr, /nobody listens/)
  assert.equal((await cli(['health', address, '--if-any'])).code, 0)
  const unsaid = await cli(['health'])
  assert.equal(unsaid.code, 2)
  assert.match(unsaid.stderr, /no address to ask/)
})
