import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openKafka } from '../../src/connect/kafka/open.js'
import { topicSpecs } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { BrokerAddresses } from '../support/broker.js'
import { USER } from '../support/broker.js'
import { cli, start } from '../support/cli.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'
import { query } from '../support/query.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

let broker: BrokerAddresses
let dir: string
before(async () => {
  broker = await sharedBroker()
  dir = await mkdtemp(join(tmpdir(), 'stanflow-kafka-cli-'))
  await writeFile(join(dir, 'ca.pem'), broker.ca)
  await writeFile(join(dir, 'v.mp4'), 'bytes')
})
after(() => rm(dir, { recursive: true, force: true }))

/** Ends with this code, a sentence and a hint. */
async function fails(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  code: string,
  hint: RegExp,
): Promise<string> {
  const { code: status, stderr } = await cli(args, { cwd: dir, env })
  assert.match(stderr, new RegExp(`^error ${code}: .+\\.\nhint: `, 'm'), stderr)
  assert.match(stderr, hint)
  assert.equal(status, code === 'CONFIG_INVALID' ? 2 : 1)
  return stderr
}

describe('stanflow and a broker that says no', () => {
  test('nobody there', async () => {
    await fails(['topics', 'list'], { STANFLOW_BROKERS: '127.0.0.1:1' }, 'KAFKA_UNREACHABLE', /--brokers/)
  })

  test('topics that are not there', async () => {
    const env = { STANFLOW_BROKERS: broker.plain, STANFLOW_PREFIX: topicPrefix() }
    for (const command of [
      ['submit', 'v.mp4'],
      ['consume'],
      ['archive', '--to', 'out'],
      ['tail'],
      ['retry'],
    ]) {
      await fails(command, env, 'KAFKA_TOPIC_MISSING', /stanflow topics create/)
    }
  })

  test('a wrong password, which is not shown; the right one, over TLS', async () => {
    const args = [
      'topics',
      'list',
      '--tls',
      '--tls-ca',
      'ca.pem',
      '--sasl',
      'scram-sha-256',
      '--sasl-username',
      USER.username,
    ]
    const env = { STANFLOW_BROKERS: broker.scram, STANFLOW_SASL_PASSWORD: 'not-my-secret' }
    const said = await fails(args, env, 'KAFKA_AUTH', /STANFLOW_SASL_PASSWORD/)
    assert.doesNotMatch(said, /not-my-secret/)
    const shown = await cli(['config', 'print', '--json'], { cwd: dir, env })
    assert.doesNotMatch(shown.stdout, /not-my-secret/)
    const right = await cli(args, { cwd: dir, env: { ...env, STANFLOW_SASL_PASSWORD: USER.password } })
    assert.equal(right.code, 0, right.stderr)
  })

  test('settings that contradict one another', async () => {
    const env = { STANFLOW_BROKERS: broker.plain }
    await fails(['topics', 'list', '--brokers', 'nonsense'], env, 'CONFIG_INVALID', /hint/)
    await fails(['topics', 'list', '--tls-ca', 'ca.pem'], env, 'CONFIG_INVALID', /--tls/)
    await fails(['topics', 'list', '--sasl', 'plain'], env, 'CONFIG_INVALID', /STANFLOW_SASL_PASSWORD/)
    await fails(['consume', '--listen', 'nowhere'], env, 'CONFIG_INVALID', /hint/)
  })
})

describe('stanflow consume', () => {
  test('what cannot be read is a dead letter; one that is too large for its topic stops the work, and is not lost', async () => {
    const prefix = topicPrefix()
    const env = { STANFLOW_BROKERS: broker.plain, STANFLOW_PREFIX: prefix, STANFLOW_SESSION_TIMEOUT: '6s' }
    const client = await openKafka({ brokers: [broker.plain], compression: 'none' })
    try {
      const admin = await client.admin()
      const specs = topicSpecs(prefix, 1)
      const letters = `${prefix}dead-letter`
      await admin.createTopics(
        specs.map((spec) =>
          spec.topic === letters ? { ...spec, config: { 'max.message.bytes': '20000' } } : spec,
        ),
      )
      const producer = await client.producer()
      const send = (value: string) =>
        producer.send([{ topic: `${prefix}videos`, key: 'k', value: Buffer.from(value), headers: {} }])
      await send('neither JSON nor Avro')
      await send(JSON.stringify({ request_id: 'r', source: 's', uri: 'https://example.org/v.mp4' }))
      const args = ['consume', '--frames', '4', '--compression', 'none']
      const first = start(args, { cwd: dir, env })
      const codes = async (): Promise<string[]> => {
        const { stdout } = await cli(
          ['tail', 'dead-letter', '--from', 'beginning', '--until-end', '--json'],
          { cwd: dir, env },
        )
        return stdout
          .trim()
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => (JSON.parse(line) as { value: { code: string } }).value.code)
      }
      while ((await codes()).length < 2) assert.equal(first.child.exitCode, null)
      await send('x'.repeat(50_000))
      const { code, stderr } = await first.finished
      assert.equal(code, 1)
      assert.match(stderr, /error KAFKA_TOO_LARGE: .*\nhint: .*max\.message\.bytes/)
      // Once the topic takes it, it is there.
      await admin.deleteTopics([letters])
      while ((await admin.describeTopics([letters])).length > 0) await sleep(50)
      await admin.createTopics(specs)
      const second = start(args, { cwd: dir, env })
      while ((await codes()).length < 1) {
        if (second.child.exitCode !== null) assert.fail((await second.finished).stderr)
      }
      second.child.kill('SIGTERM')
      assert.equal((await second.finished).code, 0)
      assert.deepEqual(await codes(), ['KAFKA_SCHEMA'])
    } finally {
      await client.close()
    }
  })
})

test('stanflow archive: a full disk is told, and after it every record is in exactly one file', async () => {
  const prefix = topicPrefix()
  const client = await openKafka({ brokers: [broker.plain] })
  const clips = 200
  try {
    await (await client.admin()).createTopics(topicSpecs(prefix, 2))
    const wire = new Wire({ prefix })
    const records = await Promise.all(
      Array.from({ length: clips }, async (_, n) => {
        const vector = Buffer.from(
          Float32Array.from({ length: 128 }, (__, i) => Math.sin(n * 128 + i)).buffer,
        )
        const value = await wire.encode('embedding', {
          ...{ clip_id: `c${n}`, source: `s${n % 7}`, clip_index: n, start: n, end: n + 1, frame_times: [n] },
          ...{ model_digest: 'ab'.repeat(32), sampling: 'uniform-1', dim: 128, vector },
        })
        return { topic: `${prefix}embeddings`, key: `s${n % 7}`, value, headers: {} }
      }),
    )
    await (await client.producer()).send(records)
  } finally {
    await client.close()
  }
  const to = join(dir, 'archive')
  const env = {
    ...process.env,
    STANFLOW_BROKERS: broker.plain,
    STANFLOW_PREFIX: prefix,
    STANFLOW_SESSION_TIMEOUT: '6s',
  }
  const args = ['archive', '--to', to, '--until-quiet', '2']
  // Files may not grow beyond 16 blocks: what a full disk does, for this process alone.
  const limited = promisify(execFile)(
    'bash',
    ['-c', 'ulimit -f 16; exec "$0" "$@"', process.execPath, MAIN, ...args],
    { env },
  )
  await assert.rejects(limited, (error: { code?: number; stderr?: string }) => {
    assert.equal(error.code, 1)
    assert.match(error.stderr ?? '', /error OUTPUT_FULL: .*\nhint: Free space/)
    return true
  })
  assert.equal((await cli(args, { env })).code, 0)
  const [row] = await query<{ n: number; ids: number }>(
    `select count(*)::int n, count(distinct clip_id)::int ids from read_parquet('${to}/embeddings/**/*.parquet')`,
  )
  assert.deepEqual(row, { n: clips, ids: clips })
})
