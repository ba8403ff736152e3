import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { CameraSettings } from '../../../pipelines/ingest.js'
import { renderVideo } from '../../../src/media/encode.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-changes-'))
  await renderVideo(join(dir, 'a.mp4'), { codec: 'h264', filter: 'testsrc2=size=64x64:rate=10:duration=10' })
})
after(() => rm(dir, { recursive: true, force: true }))

test('where changes of cameras come to an error, it is said, and cameras go on as they are', async () => {
  const windows = [{ kind: 'window', frames: 4, length: 1, stride: 0.5 }] as const
  const looped = (id: string): CameraSettings =>
    camera(id, join(dir, 'a.mp4'), { windows, fps: 4, loop: true })
  async function* changes() {
    yield [looped('a'), looped('b')]
    throw new Error('the file is on a disk that failed')
  }
  const running = new RunningIngest(ingestOptions([looped('a')]), { changes: changes() })
  const about = (): string => running.said.slice(-8).join('')
  try {
    await eventually(() => running.said.some((line) => line.includes('a disk that failed')), 60, about)
    const counts = ['a', 'b'].map((id) => running.clipsOf(id).length)
    const goesOn = (id: string, n: number): boolean => running.clipsOf(id).length > (counts[n] ?? 0) + 2
    await eventually(() => ['a', 'b'].every(goesOn), 60, about)
  } finally {
    await running.stop()
  }
  assert.match(running.said.join(''), /changes of cameras are not followed any more/)
})
