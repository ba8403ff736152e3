import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import sharp from 'sharp'
import type { EventRecord } from '../../src/connect/kafka/records.js'
import { renderVideo, type VideoCodec } from '../../src/media/encode.js'
import { openReader } from '../../src/media/open-reader.js'
import { colourAt, decodeAll } from '../media/measure.js'
import { type Finished, start } from '../support/cli.js'

const run = promisify(execFile)
const RATE = 15
/** Frames of the second in which something red comes, and in which it is gone. */
const [COMES, GOES, ENDS] = [5 * RATE, 10 * RATE, 24 * RATE]
const LABELS = 'a red square, an empty picture, a blue circle'

/** A dark, empty view whose frames spell their number in ten fields at the left; then something red crosses it. */
const scene = (hue: string): string =>
  [
    `color=0x303030:size=320x180:rate=${RATE},trim=end_frame=${ENDS}[still]`,
    `color=${hue}:size=60x60:rate=${RATE},trim=end_frame=${ENDS}[thing]`,
    `[still][thing]overlay=x='90+10*(n-${COMES})/${RATE}':y=60:enable='between(n,${COMES},${GOES - 1})',format=yuv444p,` +
      "geq=lum='if(lt(X,16),if(mod(floor(N/pow(2,floor(Y/18))),2),235,16),lum(X,Y))'" +
      ":cb='if(lt(X,16),128,cb(X,Y))':cr='if(lt(X,16),128,cr(X,Y))'",
  ].join(';')

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-camera-rules-'))
  for (const codec of ['h264', 'hevc'] as const satisfies readonly VideoCodec[])
    await renderVideo(join(dir, `${codec}.mp4`), { codec, gop: 30, bFrames: 0, filter: scene('red') })
})
after(() => rm(dir, { recursive: true, force: true }))

const CAMERAS = `
labels: [${LABELS}]
prompts: ["{}"]
window: 2s
stride: 1s
frames: 4
rules:
  - {name: red, label: a red square, threshold: 0.8, open-after: 2, close-after: 2}
record: {before: 3s, after: 4s}
cameras:
  - {id: first, url: h264.mp4}
  - {id: second, url: hevc.mp4}
  - {id: gated, url: h264.mp4, gate: true, record: false}
`

/** The numbers that the frames of an MP4 spell. */
async function numbers(path: string): Promise<number[]> {
  const { reader } = await openReader('node-av')
  try {
    const video = await reader.probe(path)
    const indices = Array.from(video.timestamps, (_, n) => n)
    const frames = await decodeAll(reader, { video, indices, geometry: { kind: 'height', height: 180 } })
    return frames.map((frame) => {
      const bits = Array.from({ length: 10 }, (_, bit) => colourAt(frame, 8 / 320, (bit + 0.5) / 10)[0] > 128)
      return bits.reduce((sum, isSet, bit) => sum + (isSet ? 2 ** bit : 0), 0)
    })
  } finally {
    await reader.close()
  }
}

const parse = ({ stdout }: Finished) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string } & EventRecord)

/** Events that a folder has by now, in the order they were written. */
async function eventsIn(to: string): Promise<EventRecord[]> {
  const names = await readdir(to, { recursive: true }).catch(() => [])
  const files = names.filter((name) => name.endsWith('.jsonl') && name.startsWith('events')).sort()
  const texts = await Promise.all(files.map((name) => readFile(join(to, name), 'utf8')))
  return texts.flatMap((text) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as EventRecord),
  )
}

describe('rules at cameras', () => {
  test('open and close events with an MP4 that has the moment and a picture of it; a gate misses nothing', async (t) => {
    await writeFile(join(dir, 'cameras.yaml'), CAMERAS)
    const media = join(dir, 'media')
    const args = ['--cameras', join(dir, 'cameras.yaml'), '--to', '-', '--record', media, '--json']
    const { finished } = start(['ingest', ...args])
    const ended = await finished
    assert.equal(ended.code, 0, ended.stderr)
    const lines = parse(ended)
    const events = lines.filter(({ type, rule }) => type === 'event' && rule === 'red')
    for (const id of ['first', 'second', 'gated']) {
      const own = events.filter(({ source }) => source === `camera:${id}`)
      assert.deepEqual(
        own.map(({ kind }) => kind),
        ['rule-opened', 'rule-closed'],
        `${id}: ${ended.stderr}`,
      )
      const [opened, closed] = own as unknown as [EventRecord, EventRecord]
      assert.equal(opened.episode_id, closed.episode_id)
      const seconds = (closed.end as number) - closed.start
      assert.ok(seconds > 3 && seconds < 10, `${id}: something red for ${seconds} s`)
      if (id === 'gated') {
        assert.deepEqual([closed.video, closed.thumbnail], [null, null])
        continue
      }
      assert.deepEqual([opened.video, opened.thumbnail], [closed.video, closed.thumbnail])
      const spelled = await numbers(closed.video as string)
      const [first = 0, last = 0] = [spelled[0], spelled.at(-1)]
      assert.deepEqual(
        spelled,
        Array.from({ length: last - first + 1 }, (_, n) => first + n),
        'every frame, once',
      )
      // From before it came until after the rule was sure of it.
      assert.ok(first <= COMES - RATE, `${id}: from frame ${first}, red from ${COMES}`)
      assert.ok(last >= COMES + 4 * RATE, `${id}: to frame ${last}`)
      t.diagnostic(`${id}: frames ${first} to ${last}; something red from ${COMES} to ${GOES}`)
      const asked = ['-v', 'error', '-show_entries', 'stream=codec_name,codec_tag_string', '-of', 'csv=p=0']
      const { stdout } = await run('ffprobe', [...asked, closed.video as string])
      assert.equal(stdout.trim(), id === 'first' ? 'h264,avc1' : 'hevc,hvc1')
      const jpeg = sharp(await readFile(closed.thumbnail as string))
        .removeAlpha()
        .raw()
      const { data, info } = await jpeg.toBuffer({ resolveWithObject: true })
      const red = Array.from({ length: info.width }, (_, x) => {
        const at = 3 * (90 * info.width + x)
        return (data[at] ?? 0) > 150 && (data[at + 1] ?? 255) < 90
      }).filter(Boolean).length
      assert.ok(red > 40 && red < 80, `${id}: ${red} red pixels across the picture`)
    }
    const kept = (await readdir(media, { recursive: true })).filter((name) => /\.(mp4|jpg)$/.test(name))
    assert.equal(kept.length, 4)
    const summary = JSON.parse(ended.stderr.trim().split('\n').at(-1) as string) as {
      cameras: { camera: string; cut: number; delivered: number; dropped: number; still: number }[]
    }
    for (const { camera, cut, delivered, dropped, still } of summary.cameras) {
      assert.equal(cut, delivered + dropped + still, camera)
      if (camera !== 'gated') assert.equal(still, 0)
      else {
        t.diagnostic(`gate: ${still} of ${cut} clips were not looked at`)
        assert.ok(still >= 7, `${still} of ${cut}`)
      }
    }
  })

  test('an episode goes on over the death of the process', async () => {
    await renderVideo(join(dir, 'red.mp4'), {
      codec: 'h264',
      gop: 30,
      filter: 'color=red:size=96x96:rate=10:duration=4',
    })
    const rules = '[{name: all, labels: [a red square, an empty picture, a blue circle], threshold: 0.5}]'
    await writeFile(join(dir, 'all.yaml'), rules)
    const to = join(dir, 'out')
    const args = [
      'ingest',
      join(dir, 'red.mp4'),
      '--loop',
      '--to',
      to,
      '--labels',
      LABELS,
      '--rules',
      join(dir, 'all.yaml'),
    ]
    const quick = ['--window', '1s', '--stride', '500ms', '--frames', '4', '--checkpoint', '1s']
    const happened = () => eventsIn(to)
    const count = async (kind: string) => (await happened()).filter((event) => event.kind === kind).length
    for (const [turn, signal] of (['SIGKILL', 'SIGTERM'] as const).entries()) {
      const { child, finished } = start([...args, ...quick])
      const deadline = Date.now() + 60_000
      while ((await count('rule-opened')) === 0 || (await count('camera-up')) <= turn) {
        assert.ok(Date.now() < deadline && child.exitCode === null, JSON.stringify(await happened()))
        await sleep(200)
      }
      // Some more clips.
      await sleep(turn === 0 ? 500 : 3000)
      child.kill(signal)
      await finished
    }
    assert.deepEqual(
      [await count('camera-up'), await count('rule-opened'), await count('rule-closed')],
      [2, 1, 0],
    )
  })

  test('what goes on at a camera that is removed is closed, and nothing of it is kept', async (t) => {
    await renderVideo(join(dir, 'reds.mp4'), {
      codec: 'h264',
      gop: 30,
      filter: 'color=red:size=96x96:rate=10:duration=4',
    })
    const file = join(dir, 'changing.yaml')
    const cameras = (...ids: string[]): Promise<void> =>
      writeFile(
        file,
        [
          `labels: [${LABELS}]`,
          'window: 1s\nstride: 500ms\nframes: 4\nloop: true',
          'rules: [{name: all, labels: [a red square, an empty picture, a blue circle], threshold: 0.5, gap: hold}]',
          `cameras: [${ids.map((id) => `{id: ${id}, url: reds.mp4}`).join(', ')}]`,
        ].join('\n'),
      )
    await cameras('stays', 'goes')
    const to = join(dir, 'removed')
    const { child, finished } = start(['ingest', '--cameras', file, '--to', to, '--checkpoint', '1s'])
    t.after(() => child.kill('SIGKILL'))
    const kinds = async (id: string): Promise<string[]> =>
      (await eventsIn(to))
        .filter(({ source, rule }) => source === `camera:${id}` && rule === 'all')
        .map(({ kind }) => kind)
    const has = async (kind: string, ...ids: string[]): Promise<void> => {
      const deadline = Date.now() + 120_000
      for (const id of ids) {
        while (!(await kinds(id)).includes(kind)) {
          assert.ok(Date.now() < deadline && child.exitCode === null, JSON.stringify(await eventsIn(to)))
          await sleep(200)
        }
      }
    }
    await has('rule-opened', 'stays', 'goes')
    await cameras('stays')
    await has('rule-closed', 'goes')
    child.kill('SIGTERM')
    const { code, stderr } = await finished
    assert.equal(code, 0, stderr)
    assert.deepEqual(await kinds('goes'), ['rule-opened', 'rule-closed'])
    assert.deepEqual(await kinds('stays'), ['rule-opened'])
    const kept = async (id: string) => {
      const text = await readFile(join(to, 'rule-state', `${id}.json`), 'utf8')
      return Object.keys((JSON.parse(text) as { watches: object }).watches)
    }
    assert.deepEqual([await kept('goes'), await kept('stays')], [[], ['all']])
  })
})
