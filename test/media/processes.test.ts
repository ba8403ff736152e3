import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { StanflowError } from '../../src/errors.js'
import { findFfmpeg } from '../../src/media/ffmpeg/find.js'
import { createFfmpegReader } from '../../src/media/ffmpeg/reader.js'
import { createNodeAvReader } from '../../src/media/node-av/reader.js'
import { openReader } from '../../src/media/open-reader.js'
import type { ReaderName, VideoInfo, VideoReader } from '../../src/media/reader.js'
import { DAMAGED } from '../support/damaged.js'
import { children, gone } from '../support/processes.js'
import { VideoFolder } from '../support/videos.js'
import { decodeAll } from './measure.js'

/** How the readers' child processes are recognised. */
const PROGRAM: Readonly<Record<ReaderName, string>> = { ffmpeg: 'rawvideo', 'node-av': 'node-av/child.js' }

let videos: VideoFolder
let long: string
before(async () => {
  videos = await VideoFolder.make()
  long = await videos.render('long.mp4', {
    codec: 'mpeg4',
    filter: 'testsrc2=size=192x144:rate=25:duration=60',
  })
})
after(() => videos?.remove())

const every = ({ timestamps }: VideoInfo): number[] => Array.from(timestamps, (_, i) => i)

for (const name of ['ffmpeg', 'node-av'] satisfies ReaderName[]) {
  describe(name, () => {
    let reader: VideoReader
    before(async () => {
      reader = (await openReader(name)).reader
    })
    after(async () => {
      await reader?.close()
      assert.deepEqual(await gone(PROGRAM[name]), [])
    })

    const start = async (signal?: AbortSignal) => {
      const video = await reader.probe(long)
      const request = { video, indices: every(video), geometry: { kind: 'crop', size: 96 } as const }
      return reader.frames(signal === undefined ? request : { ...request, signal })
    }

    test('leaving early ends the decoder', async () => {
      let seen = 0
      for await (const _ of await start()) if (++seen === 3) break
      assert.deepEqual(await gone(PROGRAM[name]), [])
    })

    test('aborting ends the decoder and rejects', async () => {
      const abort = new AbortController()
      const frames = await start(abort.signal)
      await frames.next()
      abort.abort()
      await assert.rejects(async () => {
        for await (const _ of frames);
      }, /abort/i)
      assert.deepEqual(await gone(PROGRAM[name]), [])
    })

    test('a decoder waits for its consumer', async () => {
      const frames = await start()
      await frames.next()
      const [child] = await children(PROGRAM[name])
      assert.ok(child)
      const cpu = await ticks(child.pid)
      await new Promise((resolve) => setTimeout(resolve, 500))
      const [again] = await children(PROGRAM[name])
      assert.equal(again?.pid, child.pid, 'the decoder has not run through')
      assert.ok((await ticks(child.pid)) - cpu < 25, 'it rests')
      await frames.return()
    })

    test('a killed decoder costs its video only', async () => {
      const frames = await start()
      await frames.next()
      const other = reader
        .probe(await videos.video('h264'))
        .then((video) => decodeAll(reader, { video, indices: [10, 90] }))
      const [child] = await children(PROGRAM[name])
      assert.ok(child)
      process.kill(child.pid, 'SIGSEGV')
      await assert.rejects(
        async () => {
          for await (const _ of frames);
        },
        (error: unknown) => error instanceof StanflowError && error.code === 'MEDIA_CRASH',
      )
      assert.equal((await other).length, 2)
      const video = await reader.probe(await videos.video('h264'))
      assert.equal((await decodeAll(reader, { video, indices: [0, 50] })).length, 2)
    })

    test('damage in one video does not disturb another', async () => {
      const bad = await DAMAGED.bitFlipped?.(videos)
      const good = await videos.video('h264')
      assert.ok(bad)
      const decoded = await Promise.allSettled(
        [bad, good].map(async (path) => {
          const video = await reader.probe(path)
          return (await decodeAll(reader, { video, indices: every(video) })).length
        }),
      )
      assert.equal(decoded[0]?.status, 'rejected')
      assert.deepEqual(decoded[1], { status: 'fulfilled', value: 100 })
    })

    test('more videos may be open at once than there are decoders kept', async () => {
      const open = await Promise.all(Array.from({ length: 6 }, () => start()))
      const firsts = await Promise.all(open.map((frames) => frames.next()))
      assert.ok(firsts.every(({ done }) => done === false))
      await Promise.all(open.map((frames) => frames.return()))
    })
  })
}

test('a Ctrl-C that reaches ffmpeg too does not cut its frames short', async () => {
  const programs = await findFfmpeg()
  assert.ok(programs)
  const reader = createFfmpegReader(programs)
  const video = await reader.probe(long)
  let seen = 0
  for await (const { index, repeated } of reader.frames({
    video,
    indices: every(video),
    geometry: { kind: 'crop', size: 96 },
  })) {
    assert.equal(index, seen++)
    assert.ok(!repeated)
    if (index === 20) for (const { pid } of await children(PROGRAM.ffmpeg)) process.kill(pid, 'SIGINT')
  }
  assert.equal(seen, video.timestamps.length)
  await reader.close()
})

for (const name of ['ffmpeg', 'node-av'] satisfies ReaderName[]) {
  test(`a decoder that hangs: MEDIA_TIMEOUT, by ${name}`, async () => {
    const programs = await findFfmpeg()
    assert.ok(programs)
    // Long enough for a machine that is busy with other things to start a decoder in.
    const stallMs = 5000
    const reader =
      name === 'ffmpeg' ? createFfmpegReader(programs, { stallMs }) : createNodeAvReader({ stallMs })
    const video = await reader.probe(long)
    const frames = reader.frames({ video, indices: every(video), geometry: { kind: 'crop', size: 96 } })
    await frames.next()
    for (const { pid } of await children(PROGRAM[name])) process.kill(pid, 'SIGSTOP')
    await assert.rejects(
      async () => {
        for await (const _ of frames);
      },
      (error: unknown) => error instanceof StanflowError && error.code === 'MEDIA_TIMEOUT',
    )
    await reader.close()
    assert.deepEqual(await gone(PROGRAM[name]), [])
  })
}

/** Processor time a process has used, in hundredths of a second. */
async function ticks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
