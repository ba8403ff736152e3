import { link, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { OutgoingRecord } from '../../src/connect/kafka/client.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { renderVideo } from '../../src/media/encode.js'

export const FRAMES = 4
/** So many clips, and videos, show something else; then it begins again. */
export const [CLIP_KINDS, VIDEO_KINDS] = [16, 3]
const CAMERAS = 40

/** One result: by source and start. */
export const resultKey = (source: string, start: number): string => `${source}@${start}`

/** Short clips of cameras, each with its pictures. */
export async function clipRecords(
  prefix: string,
  count: number,
): Promise<{ records: OutgoingRecord[]; keys: string[] }> {
  const wire = new Wire({ prefix })
  const pictures = await Promise.all(
    Array.from({ length: CLIP_KINDS }, (_, n) =>
      sharp({
        create: {
          width: 64,
          height: 64,
          channels: 3,
          background: { r: n * 16, g: 255 - n * 16, b: (n * 70) % 256 },
        },
      })
        .jpeg()
        .toBuffer(),
    ),
  )
  const records: OutgoingRecord[] = []
  const keys: string[] = []
  for (let n = 0; n < count; n++) {
    const source = `camera-${n % CAMERAS}`
    const start = Math.floor(n / CAMERAS)
    const frames = Array.from({ length: FRAMES }, (_, i) => pictures[(n + i) % pictures.length] as Buffer)
    const value = await wire.encode('clip', {
      ...{ clip_id: `clip-${n}`, source, clip_index: start, start, end: start + 1 },
      ...{ frame_times: frames.map((_, i) => start + i / FRAMES), frames },
    })
    records.push({ topic: topicName(prefix, 'clips'), key: source, value, headers: { ce_id: `clip-${n}` } })
    keys.push(resultKey(source, start))
  }
  return { records, keys }
}

/** Requests for short videos: a few, under many names. */
export async function videoRecords(
  prefix: string,
  dir: string,
  count: number,
): Promise<{ records: OutgoingRecord[]; keys: string[] }> {
  const wire = new Wire({ prefix })
  await mkdir(dir, { recursive: true })
  for (let n = 0; n < Math.min(VIDEO_KINDS, count); n++) {
    const filter = `testsrc2=size=96x72:rate=10:duration=1,hue=h=${n * 90}`
    await renderVideo(join(dir, `kind-${n}.mp4`), { filter, codec: 'h264' })
  }
  const records: OutgoingRecord[] = []
  const keys: string[] = []
  for (let n = 0; n < count; n++) {
    const source = `video-${n}.mp4`
    const uri = join(dir, source)
    await link(join(dir, `kind-${n % VIDEO_KINDS}.mp4`), uri)
    const value = await wire.encode('video', {
      request_id: `r${n}`,
      source,
      uri,
      bytes: null,
      etag: null,
      sample: null,
    })
    records.push({ topic: topicName(prefix, 'videos'), key: source, value, headers: { ce_id: `r${n}` } })
    keys.push(resultKey(source, 0))
  }
  return { records, keys }
}
