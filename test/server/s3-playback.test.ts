import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { noBrowser, openBrowser } from '../support/browser.js'
import { s3Server } from '../support/s3.js'
import { ask, codeOf, Home, serving } from './support.js'

const run = promisify(execFile)
const WAIT = { timeout: 60_000 }

/** Red for ten seconds, then blue for ten: what is shown says when it is. */
const COLOURS =
  'color=red:size=320x180:rate=10:duration=10[a];color=blue:size=320x180:rate=10:duration=10[b];[a][b]concat'

suite('a video in a bucket', () => {
  let home: Home
  let address: string
  let stop: () => Promise<void>

  before(async () => {
    const server = await s3Server()
    const bucket = await server.bucket()
    home = await Home.make()
    let bytes = 0
    for (const key of ['videos/deep/a.mp4', 'private/b.mp4']) {
      const file = server.file(bucket, key)
      await mkdir(dirname(file), { recursive: true })
      const made = ['-v', 'error', '-f', 'lavfi', '-i', COLOURS, '-g', '10', '-pix_fmt', 'yuv420p', file]
      await run('ffmpeg', made)
      bytes = (await stat(file)).size
    }
    const results = await home.results([
      { source: 'a.mp4', path: `s3://${bucket}/videos/deep/a.mp4`, bytes },
      { source: 'b.mp4', path: `s3://${bucket}/private/b.mp4`, bytes },
      { source: 'gone.mp4', path: `s3://${bucket}/videos/gone.mp4`, bytes },
    ])
    const started = await serving({ results, media: [`s3://${bucket}/videos`], s3: server.settings })
    address = started.shown.address
    stop = started.stop
  })
  after(async () => {
    await stop?.()
    await home?.remove()
  })

  /** Of a picture, whether it is rather red or rather blue. */
  async function colourOf(picture: Buffer): Promise<string> {
    const { channels } = await sharp(picture).stats()
    const [red = 0, , blue = 0] = channels.map(({ mean }) => mean)
    return red > blue + 100 ? 'red' : blue > red + 100 ? 'blue' : `${red} ${blue}`
  }

  test('pictures and clips are of the moment asked for, by ranges; the file itself is not handed out', async () => {
    for (const [time, colour] of [
      [3, 'red'],
      [15, 'blue'],
    ] as const) {
      const picture = await ask(address, `/api/picture?source=a.mp4&time=${time}`)
      assert.equal(picture.status, 200, picture.body.toString())
      assert.equal(await colourOf(picture.body), colour)
      const path = `/api/preview?source=a.mp4&start=${time}&end=${time + 2}`
      const clip = await ask(address, path)
      assert.deepEqual([clip.status, clip.headers['content-type']], [200, 'video/mp4'])
      const file = join(home.dir, `${time}.mp4`)
      await writeFile(file, clip.body)
      const frame = ['-v', 'error', '-i', file, '-frames:v', '1', '-f', 'image2pipe', '-c:v', 'png', 'pipe:1']
      const { stdout } = await run('ffmpeg', frame, { encoding: 'buffer', maxBuffer: 2 ** 24 })
      assert.equal(await colourOf(stdout), colour)
      const asked = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', file]
      assert.ok(Math.abs(Number((await run('ffprobe', asked)).stdout) - 2) < 0.3)
      const piece = await ask(address, path, { headers: { range: 'bytes=4-7' } })
      assert.deepEqual([piece.status, piece.body.toString()], [206, 'ftyp'])
    }
    assert.equal(codeOf(await ask(address, '/api/media?source=a.mp4')), 'MEDIA_UNSUPPORTED')
  })

  test('only what lies under a place that may be shown', async () => {
    assert.equal(codeOf(await ask(address, '/api/preview?source=b.mp4&start=1&end=2')), 'MEDIA_OUTSIDE')
    assert.equal(codeOf(await ask(address, '/api/picture?source=b.mp4')), 'MEDIA_OUTSIDE')
  })

  test('one that is not there any more is called by its own name', async () => {
    const answer = await ask(address, '/api/picture?source=gone.mp4')
    assert.ok(answer.status >= 400 && answer.status < 500)
    assert.match(answer.body.toString(), /s3:\/\/bucket-\d+\/videos\/gone\.mp4/)
    assert.doesNotMatch(answer.body.toString(), /127\.0\.0\.1/)
  })

  test('the page plays it from the moment on', { skip: noBrowser }, async () => {
    const browser = await openBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(`${address}/#/source?name=a.mp4&t=15`)
      await page.getByText('A clip of the moment').waitFor(WAIT)
      const video = page.locator('.player video')
      assert.deepEqual(
        [await video.getAttribute('data-kind'), await video.getAttribute('data-offset')],
        ['clip', '14'],
      )
      await page.getByText(/^That was the moment, up to 0:19/).waitFor(WAIT)
      assert.equal(await colourOf(await video.screenshot()), 'blue')
    } finally {
      await browser.close()
    }
  })
})
