import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { renderVideo } from '../../src/media/encode.js'
import { cli } from '../support/cli.js'

describe('stanflow models calibrate', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stanflow-calibrate-'))
    await mkdir(join(folder, 'videos'))
    for (const [n, source] of ['testsrc2', 'mandelbrot', 'smptebars'].entries()) {
      const filter = `${source}=size=160x120:rate=25,trim=end_frame=40`
      await renderVideo(join(folder, 'videos', `${n}.mp4`), { filter, codec: 'h264' })
    }
    await writeFile(join(folder, 'videos', 'broken.mp4'), 'this is no video')
  })
  after(() => rm(folder, { recursive: true }))

  test('makes ranges of the user’s videos, which a backfill then takes', async () => {
    const ranges = join(folder, 'ranges.json')
    const videos = join(folder, 'videos')
    const made = await cli(['models', 'calibrate', videos, '--to', ranges, '--json'])
    assert.equal(made.code, 0, made.stderr)
    const summary = JSON.parse(made.stdout)
    assert.equal(summary.videos, 3)
    assert.ok(summary.drift.median >= 0.999, made.stdout)
    assert.match(made.stderr, /broken\.mp4 is passed over/)
    assert.equal(JSON.parse(await readFile(ranges, 'utf8')).format, 'stanflow-calibration')
    const int8 = ['--precision', 'int8', '--calibration', ranges]
    const done = await cli(['backfill', videos, '--to', join(folder, 'out'), ...int8, '--json'])
    assert.equal(done.code, 0, done.stderr)
    const wrong = await cli(['backfill', videos, '--to', join(folder, 'out'), ...int8, '--structure', 'mean'])
    assert.match(wrong.stderr, /CALIBRATION_INVALID.*another model/)
  })

  test('says so where there is no video to measure', async () => {
    const broken = join(folder, 'videos', 'broken.mp4')
    const { code, stderr } = await cli(['models', 'calibrate', broken, '--to', join(folder, 'none.json')])
    assert.equal(code, 1)
    assert.match(stderr, /INPUT_NONE/)
  })
})
