import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { indexMoments } from '../../pipelines/index-moments.js'
import { openModel } from '../../pipelines/open-model.js'
import { createTopics } from '../../pipelines/topics.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import type { Found, Health } from '../../src/server/schemas.js'
import { inFolder } from '../connect/files/support.js'
import { embeddingRecord, outgoing, unitVector } from '../search/records.js'
import { noBrowser, openBrowser } from '../support/browser.js'
import { ask, serving } from './support.js'
import { TestTopics } from './topics.js'

const run = promisify(execFile)
const SAID = 'a red ball falls'
const WAIT = { timeout: 60_000 }
const SECONDS = 10

test(
  'a moment found at a camera plays where its event has footage of it; else it is said that none was kept',
  {
    skip: noBrowser,
  },
  () =>
    inFolder(async (dir) => {
      const topics = await TestTopics.make()
      const { options: kafka } = topics
      await createTopics({ ...kafka, partitions: 2 })
      const began = Math.floor(Date.now() / 1000) - 600
      const [video, picture] = [join(dir, 'fall.mp4'), join(dir, 'gate.jpg')]
      const made = ['-metadata', `creation_time=${new Date(began * 1000).toISOString()}`]
      const source = ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=160x90:rate=10:duration=${SECONDS}`]
      await run('ffmpeg', [...source, '-pix_fmt', 'yuv420p', ...made, '-movflags', '+faststart', video])
      await run('ffmpeg', [...source, '-frames:v', '1', picture])

      const { model } = await openModel({
        ...{ model: 'default', structure: 'auto', engine: 'auto', device: 'auto', precision: 'fp32' },
        ...{ sampling: { kind: 'uniform', frames: 4 }, batch: 1, concurrency: 1 },
      })
      const [said] = await model.encodeText([SAID]).finally(() => model.close())
      assert.ok(said)
      const { digest, dim } = model.info
      const clips = ['yard', 'gate', 'attic'].map((name, n) => {
        // A little less like it, one after the other.
        const other = unitVector(n, dim)
        const vector = Buffer.from(said.map((value, i) => value + 0.05 * n * (other[i] ?? 0)).buffer)
        const own = { ...embeddingRecord(n, digest), source: `camera:${name}`, dim, vector }
        return { clip: { ...own, start: began + 5, end: began + 7, frame_times: [began + 5.5, began + 6.5] } }
      })
      const client = await openKafka(kafka.kafka)
      await (await client.producer()).send(await outgoing(kafka.prefix, clips))
      await client.close()
      const event = { start: began + 4, end: began + 8, kind: 'rule-closed' as const }
      await topics.event({ event_id: 'fall', source: 'camera:yard', ...event, video, thumbnail: picture })
      await topics.event({ event_id: 'shut', source: 'camera:gate', ...event, thumbnail: picture })
      const index = join(dir, 'index')
      for (let added = 0; added < clips.length; ) {
        added += (await indexMoments({ from: 'kafka://', to: index, kafka, untilQuiet: 2 })).added
      }
      const { shown, stop } = await serving({ kafka, search: { index }, media: [dir] })
      const browser = await openBrowser()
      try {
        let found: Found | undefined
        for (let n = 0; n < 600; n++) {
          const { search } = (await ask(shown.address, '/api/health')).json() as Health
          // Events come by another way than the index.
          if (search.ready) {
            found = (await ask(shown.address, `/api/search?q=${encodeURIComponent(SAID)}`)).json() as Found
            if (found.moments[1]?.footage?.episode === 'shut') break
          }
          await sleep(100)
        }
        assert.deepEqual(
          found?.moments.map((one) => [one.source, one.footage?.episode, one.footage?.zero, one.playable]),
          [
            ['camera:yard', 'fall', began, true],
            ['camera:gate', 'shut', null, false],
            ['camera:attic', null, null, false],
          ],
        )
        const page = await browser.newPage()
        await page.goto(`${shown.address}/#/search?${new URLSearchParams({ q: SAID })}`)
        await page.locator('.moment').first().locator('.face').click(WAIT)
        await page.getByText('That was the moment').waitFor(WAIT)
        const played = await page.locator('.player video').evaluate((node) => {
          const { played: ranges } = node as unknown as {
            readonly played: { readonly length: number; start(i: number): number; end(i: number): number }
          }
          return { from: ranges.start(0), to: ranges.end(ranges.length - 1) }
        })
        // From its own beginning, in an MP4 that begins five seconds earlier.
        assert.ok(played.from >= 4.5 && played.from <= 5.5 && played.to <= 8, JSON.stringify(played))

        const gate = page.locator('.moment[data-source="camera:gate"]')
        await gate.locator('.face').click()
        await page.locator('.player').getByText('No footage was kept of this moment').waitFor(WAIT)
        await page.locator('.player img.poster').waitFor(WAIT)
        await page.locator('.moment[data-source="camera:attic"]').getByText('no footage kept').waitFor(WAIT)
        await gate.getByRole('link', { name: /event/i }).click()
        await page.locator('[data-episode=shut][aria-current]').waitFor(WAIT)
      } finally {
        await browser.close()
        await stop()
        await topics.close()
      }
    }),
)
