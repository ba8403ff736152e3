import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { ingest } from '../../../pipelines/ingest.js'
import type { EventRecord } from '../../../src/connect/kafka/records.js'
import { openReader } from '../../../src/media/open-reader.js'
import { decodeAll } from '../../media/measure.js'
import { TestCamera, timeSpelled } from '../../support/camera.js'
import { camera, eventually, ingestOptions } from '../../support/ingest.js'
import { type S3Server, s3Server } from '../../support/s3.js'

const run = promisify(execFile)
const [BEFORE, AFTER] = [2, 3]
/** Seconds from a camera's keyframe to the next, and what a camera's clock may be off by. */
const KEYFRAMES = 3
const SLACK = 1
const SIDE = 192

let s3: S3Server
let cameras: TestCamera[] = []
before(async () => {
  s3 = await s3Server()
  cameras = await Promise.all(
    (['h264', 'h265', 'h264'] as const).map((codec) =>
      TestCamera.start({ size: '320x180', rate: 10, codec }),
    ),
  )
})
after(() => Promise.all(cameras.map((one) => one.stop())))

/** Unix seconds that the frames of an MP4 spell. */
async function spelledBy(path: string): Promise<number[]> {
  const { reader } = await openReader('node-av')
  try {
    const video = await reader.probe(path)
    const indices = Array.from(video.timestamps, (_, n) => n)
    const frames = await decodeAll(reader, { video, indices, geometry: { kind: 'crop', size: SIDE } })
    return frames.map(({ pixels }) => (timeSpelled(pixels, SIDE) ?? Number.NaN) / 1000)
  } finally {
    await reader.close()
  }
}

test('the MP4 of an event at an RTSP camera plays and has the moment, as the clock in its pictures shows', async (t) => {
  const bucket = await s3.bucket()
  const ids = ['avc', 'hevc', 'dying'] as const
  const settings = ids.map((id, n) =>
    camera(id, (cameras[n] as TestCamera).url, {
      ...{ windows: [{ kind: 'window', frames: 4, length: 1, stride: 0.5 }], fps: 4 },
      rules: [
        {
          ...{ name: 'any', labels: ['a red square', 'a blue circle'], threshold: 0.9, combine: 'sum' },
          ...{ cooldown: 0, gap: 'close', gated: 'same' },
          ...{ 'open-after': 4, 'close-after': 2, 'gap-after': 1 },
        },
      ],
      record: { before: BEFORE, after: AFTER, megabytes: 8 },
    }),
  )
  const events: EventRecord[] = []
  const stop = new AbortController()
  const options = ingestOptions(settings, { record: `s3://${bucket}/events`, s3: s3.settings })
  const running = ingest(options, {
    signal: stop.signal,
    onLine: (line) => {
      const { type, ...event } = JSON.parse(line) as { type: string } & EventRecord
      if (type === 'event' && event.rule === 'any') events.push(event)
    },
  })
  const opened = (id: string) => events.find(({ source }) => source === `camera:${id}`)
  const fileOf = (uri: string | null | undefined): string => {
    assert.ok(uri?.startsWith(`s3://${bucket}/events/`), String(uri))
    return s3.file(bucket, (uri as string).slice(`s3://${bucket}/`.length))
  }
  const there = new Set<string>()
  const look = async (): Promise<void> => {
    for (const id of ids) {
      const uri = opened(id)?.video
      if (uri && (await stat(fileOf(uri)).catch(() => undefined))) there.add(id)
    }
  }
  try {
    await eventually(
      () => ids.every((id) => opened(id) !== undefined),
      60,
      () => JSON.stringify(events),
    )
    // It dies while it is being recorded.
    await cameras[2]?.kill()
    const looking = setInterval(() => void look(), 100)
    await eventually(
      () => there.size === ids.length,
      60,
      () => [...there].join(),
    ).finally(() => clearInterval(looking))
  } finally {
    stop.abort()
    await running
  }
  for (const id of ids) {
    const { start, video, thumbnail } = opened(id) as EventRecord
    const path = fileOf(video)
    const asked = ['-v', 'error', '-show_entries', 'stream=codec_name,codec_type', '-of', 'csv=p=0', path]
    assert.equal((await run('ffprobe', asked)).stdout.trim(), id === 'hevc' ? 'hevc,video' : 'h264,video')
    const times = await spelledBy(path)
    assert.ok(
      times.every((time, n) => time > (times[n - 1] ?? 0)),
      `${id}: ${times.join(' ')}`,
    )
    const [from, to] = [(times[0] as number) - start, (times.at(-1) as number) - start]
    t.diagnostic(`${id}: from ${from.toFixed(2)} s to +${to.toFixed(2)} s around the event's beginning`)
    assert.ok(from <= SLACK && from > -BEFORE - KEYFRAMES - SLACK, `${id}: from ${from}`)
    // Four windows of a second, half a second apart, make the rule sure.
    if (id !== 'dying')
      assert.ok(to >= 2.5 + AFTER - SLACK && to <= 2.5 + AFTER + KEYFRAMES + SLACK, `${id}: to ${to}`)
    else assert.ok(to >= 1, `${id}: to ${to}`)
    assert.ok((await stat(fileOf(thumbnail))).size > 500)
  }
})
