// How many of a video's bytes in a bucket are fetched for twelve frames: node dist/test/bench/s3-range.js [--gb 1] [--gop 250]
import { execFile } from 'node:child_process'
import { link, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { S3 } from '../../src/connect/s3/client.js'
import { RangeProxy } from '../../src/connect/s3/range-proxy.js'
import { renderVideo } from '../../src/media/encode.js'
import { findFfmpeg } from '../../src/media/ffmpeg/find.js'
import { createFfmpegReader } from '../../src/media/ffmpeg/reader.js'
import { createNodeAvReader } from '../../src/media/node-av/reader.js'
import { S3Server } from '../support/s3-server.js'
import { table } from './table.js'

const { values } = parseArgs({
  options: { gb: { type: 'string', default: '0.2' }, gop: { type: 'string', default: '250' } },
})
const bytes = Number(values.gb) * 1e9
const gop = Number(values.gop)
const BITS_PER_SECOND = 4e6
const FRAMES = 12

const programs = await findFfmpeg()
if (programs === undefined) throw new Error('This benchmark needs ffmpeg.')
const dir = await mkdtemp(join(tmpdir(), 'stanflow-bench-'))
const server = await S3Server.start()
const bucket = await server.bucket()
const s3 = new S3(server.settings)
const proxy = await RangeProxy.start(s3)
const readers = [createNodeAvReader(), createFfmpegReader(programs)]
try {
  // Noise does not compress: every byte is one that a decoder needs.
  const atEnd = join(dir, 'moov-at-end.mp4')
  const seconds = Math.ceil((bytes * 8) / BITS_PER_SECOND)
  const rate = String(BITS_PER_SECOND)
  await renderVideo(atEnd, {
    codec: 'h264',
    gop,
    bFrames: 0,
    filter: `testsrc2=size=640x360:rate=25:duration=${seconds},noise=alls=30:allf=t`,
    encoderOptions: { preset: 'ultrafast', b: rate, maxrate: rate, bufsize: rate },
  })
  const inFront = join(dir, 'faststart.mp4')
  const remux = ['-v', 'error', '-i', atEnd, '-c', 'copy', '-movflags', '+faststart', inFront]
  await promisify(execFile)(programs.ffmpeg, remux)

  const rows: Record<string, string | number>[] = []
  for (const path of [inFront, atEnd]) {
    const key = path.slice(dir.length + 1)
    await link(path, server.file(bucket, key))
    const { size } = await stat(path)
    for (const reader of readers) {
      const file = proxy.open({ bucket, key }, { bytes: size })
      const started = performance.now()
      const video = await reader.probe(file.url)
      const probed = file.fetched
      const count = video.timestamps.length
      const indices = Array.from({ length: FRAMES }, (_, i) => Math.floor(((i + 0.5) * count) / FRAMES))
      let good = 0
      const request = { video, indices, geometry: { kind: 'crop', size: 224 } as const }
      for await (const { repeated } of reader.frames(request)) good += repeated ? 0 : 1
      rows.push({
        video: key,
        reader: reader.name,
        MB: size / 1e6,
        'keyframe every s': gop / 25,
        'good frames': good,
        'probe MB': probed / 1e6,
        'all MB': file.fetched / 1e6,
        '% of bytes': (100 * file.fetched) / size,
        requests: file.requests,
        s: (performance.now() - started) / 1000,
      })
      file.close()
    }
  }
  console.log(table(rows))
} finally {
  for (const reader of readers) await reader.close()
  await proxy.close()
  s3.close()
  await server.stop()
  await rm(dir, { recursive: true, force: true })
}
