import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SeenClip } from '../../../operators/index.js'
import { renderVideo } from '../../../src/media/encode.js'
import { camera, ingestOptions, RunningIngest } from '../../support/ingest.js'

test('a clip in which nothing moved does not overtake those that wait for the model', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-order-'))
  const seen: SeenClip[] = []
  try {
    await renderVideo(join(dir, 'a.mp4'), {
      codec: 'h264',
      filter: 'testsrc2=size=64x64:rate=10:duration=6',
    })
    const windows = [{ kind: 'window', frames: 4, length: 1, stride: 0.2 }] as const
    // A batch is never full, and waits for longer than still clips take.
    const options = ingestOptions([camera('a', join(dir, 'a.mp4'), { windows, fps: 10 })], {
      ...{ batch: 64, batchDeadline: 2 },
    })
    let frames = 0
    const running = new RunningIngest(options, {
      parts: () => ({ isNew: () => frames++ < 20, onClip: (clip) => void seen.push(clip) }),
    })
    const { cameras } = await running.done
    const starts = seen.map(({ start }) => start)
    assert.deepEqual(
      starts,
      [...starts].sort((a, b) => a - b),
    )
    const still = seen.filter(({ labels }) => labels === undefined)
    assert.ok(still.length > 0 && still.length < seen.length, `${still.length} of ${seen.length}`)
    const [{ cut = 0, dropped = 0 } = {}] = cameras
    assert.equal(seen.length, cut - dropped)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
