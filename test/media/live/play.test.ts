import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { FramePool, keepOpen, Pacer } from '../../../operators/index.js'
import type { LiveFrame, StreamPiece } from '../../../src/domain.js'
import { renderVideo } from '../../../src/media/encode.js'
import { findFfmpeg } from '../../../src/media/ffmpeg/find.js'
import { LIMITS } from '../../../src/media/limits.js'
import { parseAddress } from '../../../src/media/live/address.js'
import { type LiveCamera, liveCamera } from '../../../src/media/live/play.js'
import type { LiveSettings } from '../../../src/media/live/settings.js'
import { HostileCamera, type Hostility } from '../../harness/fuzz/rtsp/hostile-camera.js'
import { answerBytes } from '../../harness/fuzz/rtsp/reader.js'
import { TestCamera } from '../../support/camera.js'
import { children } from '../../support/processes.js'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-play-'))
})
after(() => rm(dir, { recursive: true, force: true }))

async function cameraOf(path: string, more: Partial<LiveSettings> = {}): Promise<LiveCamera> {
  const programs = await findFfmpeg()
  assert.ok(programs !== undefined)
  const pool = new FramePool()
  return liveCamera(programs, {
    ...{ source: 'camera:a', address: parseAddress(path), size: 32, fps: 5, transport: 'tcp' },
    ...{ hwaccel: 'none', keyframesOnly: false, silence: 5, patience: 30, loop: false },
    ...{ measureChange: false, allocate: (bytes: number) => pool.allocate(bytes) },
    ...more,
  })
}

/** As a camera is kept open while its schedule says so. */
async function keptOpen(camera: LiveCamera): Promise<LiveFrame[]> {
  const frames: LiveFrame[] = []
  const lost: string[] = []
  const stop = new AbortController()
  for await (const frame of keepOpen({
    ...{ source: 'camera:a', play: camera.play, signal: stop.signal, pacer: new Pacer(0), late: 60 },
    ...{ backoff: { first: 0.1, most: 0.1 }, onEvent: () => undefined },
    onRetry: ({ code, message }) => {
      lost.push(`${code} ${message}`)
      stop.abort()
    },
  }))
    frames.push(frame)
  assert.deepEqual(lost, [])
  return frames
}

test('connections are counted over all times that a camera is kept open, so that no two are ever joined', async () => {
  const path = join(dir, 'twice.mp4')
  await renderVideo(path, { codec: 'h264', filter: 'testsrc2=size=64x64:rate=10:duration=1' })
  const pieces: StreamPiece[] = []
  const camera = await cameraOf(path, { onPiece: (piece) => pieces.push(piece) })
  const runs = []
  for (let turn = 0; turn < 2; turn++) {
    const before = pieces.length
    const frames = new Set((await keptOpen(camera)).map(({ run }) => run))
    runs.push([...frames], [...new Set(pieces.slice(before).map(({ run }) => run))])
  }
  assert.deepEqual(runs, [[0], [0], [1], [1]])
})

test('where only keyframes are decoded, they may be further apart than a camera may be silent', async () => {
  const there = await TestCamera.start({ size: '160x120', rate: 10, gop: 80 })
  const stop = new AbortController()
  try {
    const { play } = await cameraOf(there.url, { keyframesOnly: true, silence: 3 })
    let before: LiveFrame | undefined
    for await (const frame of keepOpen({
      ...{ source: 'camera:a', play, signal: stop.signal, pacer: new Pacer(0), late: 60 },
      ...{ backoff: { first: 0.1, most: 0.1 }, onEvent: () => undefined },
    })) {
      if (before?.run === frame.run && frame.time - before.time > 5) break
      before = frame
    }
  } finally {
    stop.abort()
    await there.stop()
  }
})

test('where only keyframes are decoded, a camera that hangs is lost as any other', async () => {
  const there = await TestCamera.start({ size: '160x120', rate: 10 })
  try {
    const camera = await cameraOf(there.url, { keyframesOnly: true, silence: 3 })
    const playing = (async () => {
      for await (const _ of camera.play(new AbortController().signal)) there.hang()
    })()
    await assert.rejects(playing, /no picture for 3 s/)
  } finally {
    await there.stop()
  }
})

/** A camera that ends its first connections before it says how large its pictures are. */
async function untold(port: number, connections: number): Promise<HostileCamera> {
  let left = connections
  const kind = (): Hostility =>
    left-- <= 0
      ? {}
      : {
          answer: (answer, out) => {
            const sdp = answer.body.toString('latin1').replace(/;?sprop-parameter-sets=[^;\r\n]*/, '')
            out.write(answerBytes({ ...answer, body: Buffer.from(sdp, 'latin1') }))
          },
          frame: (_, out) => out.reset(),
        }
  return HostileCamera.start(port, kind, 1)
}

for (const [times, kept] of [
  [1, [true]],
  [3, [false, true]],
] as const) {
  test(`a stream of unknown size, ${times} in a row: is it kept in the connections after? ${kept.join(', ')}`, async () => {
    const there = await TestCamera.start({ size: '160x120', rate: 10 })
    const between = await untold(there.port, times)
    let pieces = 0
    try {
      const { play } = await cameraOf(`rtsp://127.0.0.1:${between.port}/cam`, { onPiece: () => pieces++ })
      const frames = async (wanted: number): Promise<void> => {
        let n = 0
        for await (const _ of play(new AbortController().signal)) if (++n === wanted) break
      }
      for (let n = 0; n < times; n++) await assert.rejects(frames(1), /does not open/)
      const found: boolean[] = []
      for (let n = 0; n < kept.length; n++) {
        pieces = 0
        await frames(10)
        found.push(pieces > 0)
      }
      assert.deepEqual(found, kept)
    } finally {
      await Promise.all([between.stop(), there.stop()])
    }
  })
}

test('an ffmpeg that crashed is named as that', async () => {
  const there = await TestCamera.start({ size: '160x120', rate: 10 })
  try {
    const { play } = await cameraOf(there.url)
    const playing = (async () => {
      for await (const _ of play(new AbortController().signal))
        for (const { pid } of await children('ffmpeg')) process.kill(pid, 'SIGSEGV')
    })()
    await assert.rejects(playing, /ffmpeg ended with SIGSEGV/)
  } finally {
    await there.stop()
  }
})

test('a camera whose pictures become larger than allowed is named as that, not as silent', async () => {
  const there = await TestCamera.start({ size: '160x120', rate: 10 })
  try {
    const { play } = await cameraOf(there.url, { silence: 3, limits: { ...LIMITS, pixels: 100_000 } })
    let frames = 0
    const playing = (async () => {
      for await (const _ of play(new AbortController().signal))
        if (++frames === 3) await there.tell('size 640x360')
    })()
    await assert.rejects(playing, { code: 'MEDIA_TOO_LARGE' })
  } finally {
    await there.stop()
  }
})
