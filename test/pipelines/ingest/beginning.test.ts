import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { renderVideo } from '../../../src/media/encode.js'
import { findFfmpeg } from '../../../src/media/ffmpeg/find.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-beginning-'))
  await renderVideo(join(dir, 'a.mp4'), { codec: 'h264', filter: 'testsrc2=size=64x64:rate=10:duration=4' })
  const { ffmpeg } = (await findFfmpeg()) as { ffmpeg: string }
  // A driver that hangs: asking what can be decoded by gets no answer.
  const program = join(dir, 'ffmpeg')
  await writeFile(
    program,
    `#!/bin/sh\nfor one; do [ "$one" = -hwaccels ] && exec sleep 600; done\nexec ${ffmpeg} "$@"\n`,
  )
  await chmod(program, 0o755)
  process.env.FFMPEG_PATH = program
})
after(() => rm(dir, { recursive: true, force: true }))

const one = (id: string, more = {}) =>
  camera(id, join(dir, 'a.mp4'), {
    ...{ windows: [{ kind: 'window', frames: 4, length: 1, stride: 0.5 }], fps: 4, loop: true },
    ...more,
  })

test('a camera that cannot be begun, or that blocks, keeps no other waiting, and is tried again', async () => {
  let isBad = true
  const running = new RunningIngest(
    ingestOptions([one('bad'), one('stuck', { hwaccel: 'vaapi' }), one('good')]),
    {
      parts: ({ id }) => {
        if (id === 'bad' && isBad) throw new Error('a rule that is none')
        return {}
      },
    },
  )
  const about = (): string => running.said.slice(-8).join('')
  try {
    await eventually(() => running.clipsOf('good').length > 0, 90, about)
    assert.match(running.said.join(''), /"camera":"bad".*cannot be begun/)
    isBad = false
    await eventually(() => running.clipsOf('bad').length > 0, 90, about)
  } finally {
    await running.stop()
  }
  assert.equal(running.clipsOf('stuck').length, 0)
})

test('where not one camera can be begun, that is the end', async () => {
  const running = new RunningIngest(ingestOptions([one('bad')]), {
    parts: () => {
      throw new Error('a rule that is none')
    },
  })
  await assert.rejects(running.done, /a rule that is none/)
})
