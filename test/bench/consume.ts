import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { openModel } from '../../pipelines/open-model.js'
import type { Admin, KafkaClient, OutgoingRecord, Producer } from '../../src/connect/kafka/client.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { readTopics } from '../../src/connect/kafka/read-topic.js'
import { topicName, topicSpecs } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { LoadedModel } from '../../src/engine/engine.js'
import { Broker } from '../support/broker.js'
import { freePort } from '../support/child.js'
import { table } from './table.js'

/**
 * Throughput of `stanflow consume` against the model alone, in one run; how full batches are; and how long a clip takes
 * from its topic to its result, as a reader of committed records sees it. `npm run bench:consume -- --model random:vit-b-32`
 */
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const PARTITIONS = 4
const SIDE = 224
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'random:vit-b-32' },
    clips: { type: 'string', default: '96' },
    frames: { type: 'string', default: '12' },
    batch: { type: 'string', default: '8' },
    paced: { type: 'string', default: '40' },
  },
})
const [clips, frames, batch, paced] = [values.clips, values.frames, values.batch, values.paced].map(
  Number,
) as [number, number, number, number]

const broker = await Broker.start()
const client = await openKafka({ brokers: [broker.addresses.plain] })
const admin = await client.admin()
try {
  const pictures = await Promise.all(
    Array.from({ length: frames }, (_, n) =>
      sharp({
        create: {
          width: 320,
          height: SIDE,
          channels: 3,
          background: { r: n * 20, g: 90, b: 200 - n * 10 },
          noise: { type: 'gaussian', mean: 128, sigma: 8 },
        },
      })
        .jpeg({ quality: 85 })
        .toBuffer(),
    ),
  )
  const alone = await modelAlone()
  const rows: { what: string; 'clips/s': number; 'of the model': string; fill: string }[] = [
    { what: 'model alone', 'clips/s': alone, 'of the model': '', fill: `${batch}` },
  ]
  for (const consumers of [1, 2]) {
    const { rate, fill } = await consumed(consumers)
    const part = `${((100 * rate) / alone).toFixed(0)} %`
    rows.push({
      what: `${consumers} consumer${consumers === 1 ? '' : 's'}`,
      'clips/s': rate,
      'of the model': part,
      fill: fill.toFixed(1),
    })
  }
  const after = await modelAlone()
  rows.push({ what: 'model alone, again', 'clips/s': after, 'of the model': '', fill: `${batch}` })
  process.stdout.write(
    `${values.model}, ${frames} frames a clip, batches of ${batch}, ${clips} clips\n${table(rows)}\n`,
  )
  const every = 1000 / (alone / 2)
  const latencies = (await latency(every)).sort((a, b) => a - b)
  const at = (part: number): string =>
    `${(latencies[Math.floor(part * (latencies.length - 1))] ?? 0).toFixed(0)} ms`
  process.stdout.write(
    `submit to result at half the model's rate, ${latencies.length} clips: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}\n`,
  )

  async function feed(prefix: string, from: number, to: number, producer: Producer): Promise<void> {
    const wire = new Wire({ prefix })
    for (let n = from; n < to; n++) {
      const source = `camera-${n % 16}`
      const value = await wire.encode('clip', {
        ...{ clip_id: `clip-${n}`, source, clip_index: n, start: n, end: n + 1 },
        ...{ frame_times: pictures.map((_, i) => n + i / frames), frames: pictures },
      })
      const record: OutgoingRecord = {
        topic: topicName(prefix, 'clips'),
        partition: n % PARTITIONS,
        key: source,
        value,
        headers: {},
      }
      await producer.send([record])
    }
  }

  async function consumed(consumers: number): Promise<{ rate: number; fill: number }> {
    const prefix = `bench-${consumers}.`
    await admin.createTopics(topicSpecs(prefix, PARTITIONS))
    await feed(prefix, 0, clips, await client.producer())
    const running = await begin(prefix, consumers)
    // From the end of the first batch to the last: what starting takes is not the question.
    const times = await resultTimes(client, admin, prefix, clips)
    const sums = await Promise.all(running.map(({ metrics }) => batchFill(metrics)))
    await Promise.all(running.map(({ child }) => end(child)))
    const ordered = [...times.values()].sort((a, b) => a - b)
    const first = ordered[batch - 1] ?? 0
    const last = ordered.at(-1) ?? 0
    const [total, runs] = sums.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0])
    return { rate: (1000 * (clips - batch)) / (last - first), fill: total / runs }
  }

  async function latency(every: number): Promise<number[]> {
    const prefix = 'bench-latency.'
    await admin.createTopics(topicSpecs(prefix, PARTITIONS))
    const running = await begin(prefix, 1)
    const sent = new Map<number, number>()
    const producer = await client.producer()
    // It is up and has taken its partitions: what starting takes is not the question.
    while (!(await fetch(running[0]?.ready ?? '').catch(() => undefined))?.ok) await sleep(100)
    const feeding = (async () => {
      for (let n = 0; n < paced; n++) {
        sent.set(n, Date.now())
        await feed(prefix, n, n + 1, producer)
        await sleep(Math.max(0, every - (Date.now() - (sent.get(n) ?? 0))))
      }
    })()
    const times = await resultTimes(client, admin, prefix, paced)
    await feeding
    await Promise.all(running.map(({ child }) => end(child)))
    return [...times].map(([n, time]) => time - (sent.get(n) ?? 0))
  }

  async function modelAlone(): Promise<number> {
    const model: LoadedModel = (await openModel(modelOptions())).model
    try {
      const { size } = model.info
      const clip = {
        frames: Array.from({ length: frames }, () => ({ pixels: new Uint8Array(size * size * 3).fill(90) })),
      }
      const some = Array.from({ length: batch }, () => clip)
      await model.encodeVideo(some)
      const begun = performance.now()
      for (let done = 0; done < clips; done += batch) await model.encodeVideo(some)
      return (1000 * Math.ceil(clips / batch) * batch) / (performance.now() - begun)
    } finally {
      await model.close()
    }
  }
} finally {
  await client.close()
  await broker.stop()
}

function modelOptions() {
  return {
    ...({
      model: values.model,
      structure: 'stan-self',
      engine: 'onnx',
      device: 'cpu',
      precision: 'fp32',
    } as const),
    ...{ sampling: { kind: 'uniform', frames } as const, batch, concurrency: 2 },
  }
}

async function begin(
  prefix: string,
  consumers: number,
): Promise<{ child: ChildProcess; metrics: string; ready: string }[]> {
  const all = []
  for (let n = 0; n < consumers; n++) {
    const port = await freePort()
    const args = [
      'consume',
      '--brokers',
      broker.addresses.plain,
      '--prefix',
      prefix,
      '--model',
      values.model,
      '--engine',
      'onnx',
    ]
    const more = [
      '--structure',
      'stan-self',
      '--frames',
      String(frames),
      '--batch',
      String(batch),
      '--listen',
      `127.0.0.1:${port}`,
    ]
    const env = { ...process.env, STANFLOW_LOG_LEVEL: 'error' }
    const child = spawn(process.execPath, [MAIN, ...args, ...more], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    all.push({ child, metrics: `http://127.0.0.1:${port}/metrics`, ready: `http://127.0.0.1:${port}/readyz` })
  }
  return all
}

async function end(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
}

async function batchFill(url: string): Promise<readonly [number, number]> {
  const text = await (await fetch(url)).text()
  const of = (name: string): number =>
    Number(new RegExp(`^${name}(?:{[^}]*})? (.*)$`, 'm').exec(text)?.[1] ?? 0)
  return [of('stanflow_batch_clips_sum'), of('stanflow_batch_clips_count')]
}

/** When a reader of committed records got each clip's result, by clip index. */
async function resultTimes(
  kafka: KafkaClient,
  with_: Admin,
  prefix: string,
  count: number,
): Promise<Map<number, number>> {
  const wire = new Wire({ prefix })
  const times = new Map<number, number>()
  const options = {
    client: kafka,
    admin: with_,
    topics: [topicName(prefix, 'embeddings')],
    from: 'beginning',
    toEnd: false,
  } as const
  for await (const { value } of readTopics(options)) {
    times.set((await wire.decode('embedding', value)).clip_index, Date.now())
    if (times.size === count) break
  }
  return times
}
