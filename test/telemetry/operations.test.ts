import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderVideo } from '../../src/media/encode.js'
import { freePort } from '../support/child.js'
import { cli, start } from '../support/cli.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

/** What a collector of traces gets, over real HTTP. */
async function collector() {
  const spans: Span[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as {
      resourceSpans: { scopeSpans: { spans: Span[] }[] }[]
    }
    spans.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address === null || typeof address === 'string' ? 0 : address.port
  return { spans, url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

test('a consumer tells how it is: metrics, health, logs with clip ids, one trace from submit to result', async (t) => {
  const broker = await sharedBroker()
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-operations-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await renderVideo(join(dir, 'v.mp4'), { filter: 'testsrc2=size=96x72:rate=10:duration=2', codec: 'h264' })
  const traces = await collector()
  t.after(traces.close)
  const prefix = topicPrefix()
  const env = {
    STANFLOW_BROKERS: broker.plain,
    STANFLOW_PREFIX: prefix,
    STANFLOW_SESSION_TIMEOUT: '6s',
    STANFLOW_LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
  }
  await cli(['topics', 'create', '--partitions', '1'], { env })
  const port = await freePort()
  const at = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
  const { child, finished } = start(
    ['consume', '--listen', `127.0.0.1:${port}`, '--labels', 'a, b', '--batch', '4'],
    { env },
  )
  const waitFor = async (done: () => Promise<boolean>): Promise<void> => {
    while (!(await done().catch(() => false))) {
      assert.equal(child.exitCode, null)
      await sleep(100)
    }
  }
  await waitFor(async () => (await at('/readyz')).status === 200)
  assert.equal((await at('/healthz')).status, 200)
  assert.equal((await at('/')).status, 404)
  assert.equal((await cli(['submit', join(dir, 'v.mp4')], { env })).code, 0)
  const metrics = async () => {
    const text = await (await at('/metrics')).text()
    // What every series says, wherever among its labels it stands.
    return text.replaceAll(/command="consume",|,?command="consume"/g, '').replaceAll('{}', '')
  }
  await waitFor(async () => /^stanflow_clips_total\{kind="uniform"\} 1$/m.test(await metrics()))
  await waitFor(async () =>
    /^stanflow_result_latency_seconds_count\{topic=".*videos"\} 1$/m.test(await metrics()),
  )
  const text = await metrics()
  for (const name of [
    ...['frames_total 12', 'batch_clips_count 1', 'records_total 2', 'stage_seconds_count{stage="model"} 1'],
    ...[`lag{topic="${prefix}videos",partition="0"} 0`, 'clips_in_flight 0', 'batch_size 4', 'ready 1'],
    ...[`behind_seconds{topic="${prefix}videos",partition="0"} 0`, 'memory_limit_bytes '],
  ]) {
    assert.ok(text.includes(`stanflow_${name}`), `${name} is not in\n${text}`)
  }
  child.kill('SIGTERM')
  const { code, stderr } = await finished
  assert.equal(code, 0, stderr)

  const [result] = (
    await cli(['tail', 'labels', '--from', 'beginning', '--until-end', '--json'], { env })
  ).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { headers: Record<string, string>; value: { clip_id: string } })
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
  const embedded = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find(({ msg }) => msg === 'clip embedded')
  assert.equal(embedded?.clipId, result?.value.clip_id)

  const submitted = traces.spans.find(({ name }) => name === 'stanflow.submit')
  const consumed = traces.spans.find(({ name }) => name === 'stanflow.consume')
  assert.ok(submitted !== undefined && consumed !== undefined, JSON.stringify(traces.spans))
  assert.deepEqual([consumed.traceId, consumed.parentSpanId], [submitted.traceId, submitted.spanId])
  assert.equal(result?.headers.traceparent, `00-${submitted.traceId}-${consumed.spanId}-01`)
})
