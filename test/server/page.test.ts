import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { tail } from '../../pipelines/tail.js'
import { noBrowser, openBrowser } from '../support/browser.js'
import { cli } from '../support/cli.js'
import { serving } from './support.js'
import { TestTopics } from './topics.js'

/** Its source is run by the browser's own debugger: the page's policy lets no other script in. */
const { source: AXE } = createRequire(import.meta.url)('axe-core') as { readonly source: string }
/** Where pictures of the page are put, for people to look at. */
const SHOTS = process.env.STANFLOW_SHOTS
const WAIT = { timeout: 30_000 }
const SIZES = { wide: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } } as const

interface PlayedVideo {
  readonly played: { readonly length: number; start(i: number): number; end(i: number): number }
  readonly videoWidth: number
  readonly dataset: { readonly offset: string }
}

interface Violation {
  readonly id: string
  readonly impact: string | null
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

suite('the page in a browser', { skip: noBrowser }, () => {
  let dir: string
  let browser: Browser
  let topics: TestTopics
  let address: string
  let stop: () => Promise<void>

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stanflow-page-'))
    const demo = await cli(['demo', '--to', dir, '--json'])
    assert.equal(demo.code, 0, demo.stderr)
    const { runs } = JSON.parse(demo.stdout) as { runs: { window: { to: string } } }
    topics = await TestTopics.make()
    const now = Date.now() / 1000
    await topics.labels('camera:yard', now, {
      'an empty yard': 0.8,
      'a dog runs': 0.15,
      'a parked car': 0.05,
    })
    await topics.labels('camera:gate', now - 3600, { 'a closed gate': 0.97 })
    const started = await serving({ results: runs.window.to, media: [dir], kafka: topics.options })
    address = started.shown.address
    stop = started.stop
    browser = await openBrowser()
    if (SHOTS !== undefined) await mkdir(SHOTS, { recursive: true })
  })
  after(async () => {
    await browser?.close()
    await stop?.()
    await topics?.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })

  /** A page whose errors fail the test. */
  async function visit(
    hash: string,
    work: (page: Page) => Promise<void>,
    options: BrowserContextOptions = { viewport: SIZES.wide },
  ): Promise<void> {
    const page = await browser.newPage(options)
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => {
      if (/Content Security Policy|Trusted/.test(message.text())) errors.push(message.text())
    })
    try {
      await page.goto(`${address}/${hash}`)
      await work(page)
      assert.deepEqual(errors, [])
    } finally {
      await page.close()
    }
  }

  async function searched(page: Page, text: string): Promise<void> {
    await page.locator('#query').fill(text)
    await page.locator('#query').press('Enter')
    await page.locator('.moment').first().waitFor(WAIT)
  }

  /** The first moment of a source, which is to be among the best three. */
  async function among(page: Page, name: string) {
    const cards = await page.locator('.moment').all()
    const sources = await Promise.all(cards.map((card) => card.getAttribute('data-source')))
    const at = sources.findIndex((source) => source?.includes(name))
    assert.ok(at >= 0 && at < 3, sources.join())
    return page.locator('.moment').nth(at)
  }

  /** What was played, in seconds of the source, once that is a fifth of a second. */
  async function watched(page: Page): Promise<{ kind: string; from: number; to: number }> {
    const video = page.locator('.player:not([hidden]) video')
    // The page's policy lets a test look, and not wait by a script of its own.
    for (let i = 0; i < 600; i++) {
      const played = await video.evaluate((node) => {
        const { played, videoWidth, dataset } = node as unknown as PlayedVideo
        if (played.length === 0 || videoWidth === 0) return undefined
        const offset = Number(dataset.offset)
        return { from: played.start(0) + offset, to: played.end(played.length - 1) + offset }
      })
      if (played !== undefined && played.to > played.from + 0.2) {
        return { kind: String(await video.getAttribute('data-kind')), ...played }
      }
      await page.waitForTimeout(50)
    }
    throw new Error('it does not play')
  }

  test('search finds a moment, and playing it shows the moment', async () => {
    await visit('', async (page) => {
      await page.waitForSelector('header:not([hidden])', WAIT)
      await searched(page, 'a cyan heart vanishing')
      await (await among(page, 'cyan-heart-vanishing')).locator('.face').click()
      const shown = await watched(page)
      assert.equal(shown.kind, 'whole')
      assert.ok(shown.from >= 0 && shown.to <= 2.1, JSON.stringify(shown))
      await page.getByText('That was the moment').waitFor(WAIT)
    })
  })

  test('a moment in the middle of a video is played from there', async () => {
    const answer = await fetch(`${address}/api/sources?find=cyan-heart`)
    const { sources } = (await answer.json()) as { sources: { source: string }[] }
    const name = encodeURIComponent(String(sources[0]?.source))
    await visit(`#/source?name=${name}&t=1`, async (page) => {
      const shown = await watched(page)
      assert.ok(shown.from >= 0.9 && shown.to <= 2.1, JSON.stringify(shown))
      await page
        .locator('.playhead[visibility=visible]')
        .first()
        .waitFor({ ...WAIT, state: 'attached' })
    })
  })

  test('what the browser cannot play is shown as a clip of the moment', async () => {
    await visit('', async (page) => {
      await page.waitForSelector('header:not([hidden])', WAIT)
      await searched(page, 'a cyan ring moving in a circle')
      await (await among(page, 'cyan-ring-moving-in-a-circle.avi')).locator('.face').click()
      await page.getByText('A clip of the moment').waitFor(WAIT)
      const shown = await watched(page)
      assert.equal(shown.kind, 'clip')
      assert.ok(shown.from >= 0 && shown.to <= 2.1, JSON.stringify(shown))
    })
  })

  test('links lead on: from a suggestion to moments, to more like one, to its timeline, to other sources', async () => {
    await visit('#/search', async (page) => {
      await page.locator('.chips a').first().click(WAIT)
      await page.locator('.moment').first().waitFor(WAIT)
      await page
        .getByRole('link', { name: /^More like/ })
        .first()
        .click()
      await page.getByText(/^like a moment of/).waitFor(WAIT)
      await page.getByRole('link', { name: 'Search everything' }).waitFor(WAIT)
      await page.locator('.moment').first().waitFor(WAIT)
      await page
        .getByRole('link', { name: /^Timeline of/ })
        .first()
        .click()
      await page.locator('.tracks').waitFor(WAIT)
      await page.getByRole('link', { name: '← Sources' }).click()
      await page.locator('a.source').first().click(WAIT)
      await page.locator('.tracks').waitFor(WAIT)
    })
    await visit('#/live', async (page) => {
      await page.locator('.camera h3 a').first().click(WAIT)
      await page.getByRole('heading', { level: 1, name: /gate|yard/ }).waitFor(WAIT)
    })
  })

  test('by keyboard alone: search, go to a moment, play it, close it', async () => {
    await visit('#/search', async (page) => {
      await page.locator('.chips').waitFor(WAIT)
      await page.keyboard.press('/')
      await page.keyboard.type('a white circle at rest')
      await page.keyboard.press('Enter')
      await page.locator('.moment').first().waitFor(WAIT)
      for (let i = 0; i < 20 && !(await page.evaluate('document.activeElement.matches(".face")')); i++) {
        await page.keyboard.press('Tab')
      }
      const focused = (): Promise<unknown> =>
        page.evaluate('[...document.querySelectorAll(".face")].indexOf(document.activeElement)')
      assert.equal(await focused(), 0)
      await page.keyboard.press('ArrowRight')
      assert.equal(await focused(), 1)
      await page.keyboard.press('Home')
      await page.keyboard.press('Enter')
      await page.locator('.player:not([hidden])').waitFor(WAIT)
      await page.keyboard.press('Escape')
      await page.locator('.player').waitFor({ ...WAIT, state: 'hidden' })
      assert.equal(await focused(), 0, 'the focus goes back to where it was')
    })
  })

  test('a live label appears without a reload, and a camera that dies shows as down', async () => {
    await visit('#/live', async (page) => {
      const card = (source: string) => page.locator(`.camera[data-source="${source}"]`)
      await card('camera:yard').waitFor(WAIT)
      assert.equal(await card('camera:gate').getAttribute('data-state'), 'quiet')
      await page.evaluate('window.mark = 1')
      const now = Date.now() / 1000
      await topics.labels('camera:hall', now, { 'a person walks': 0.7 })
      await card('camera:hall').getByText('a person walks').first().waitFor(WAIT)
      assert.equal(await card('camera:hall').getAttribute('data-state'), 'up')
      await topics.labels('camera:hall', now + 2, { 'a person falls': 0.9 })
      await card('camera:hall').getByText('a person falls').first().waitFor(WAIT)

      await topics.event({
        ...{ event_id: 'down-1', source: 'camera:hall', kind: 'camera-down', start: now + 3, rule: null },
        ...{ label: null, peak: null, code: 'MEDIA_TIMEOUT', detail: 'No frame for 20 s.' },
      })
      await page.locator('.camera[data-source="camera:hall"][data-state=down]').waitFor(WAIT)
      await card('camera:hall').getByText('No frame for 20 s.').waitFor(WAIT)
      assert.match(String(await page.locator('.summary').textContent()), /1 down/)
      const first = await page.locator('.camera').first().getAttribute('data-source')
      assert.equal(first, 'camera:hall', 'what needs a person comes first')
      assert.equal(await page.evaluate('window.mark'), 1, 'the page was not loaded again')
    })
  })

  test('events: open ones first, closed when their end comes', async () => {
    const now = Date.now() / 1000
    await topics.event({
      event_id: 'old-1',
      episode_id: 'old',
      kind: 'rule-closed',
      start: now - 60,
      end: now - 50,
    })
    await topics.event({ event_id: 'new-1', episode_id: 'new', rule: 'crowd', start: now - 90 })
    await visit('#/events', async (page) => {
      await page.locator('[data-episode=new] .badge.open').waitFor(WAIT)
      await page.locator('[data-episode=old]').waitFor(WAIT)
      const rows = await page.locator('.episode').all()
      const order = await Promise.all(rows.map((row) => row.getAttribute('data-episode')))
      assert.ok(order.indexOf('new') < order.indexOf('old'), order.join())
      await topics.event({
        event_id: 'new-2',
        episode_id: 'new',
        rule: 'crowd',
        kind: 'rule-closed',
        start: now - 90,
        end: now,
      })
      await page.locator('[data-episode=new] .badge:not(.open)').waitFor(WAIT)
    })
  })

  test('names and labels are text, whatever they look like (XSS)', async () => {
    const evil = '<img src=x onerror="document.title=\'broken\'"><script>document.title="broken"</script>'
    await topics.labels(`camera:${evil}`, Date.now() / 1000, { [evil]: 0.9 })
    await topics.event({ event_id: 'evil', source: `camera:${evil}`, rule: evil, label: evil, detail: evil })
    await topics.deadLetter(evil)
    for (const hash of ['#/live', '#/events', '#/health']) {
      await visit(hash, async (page) => {
        await page.getByText('onerror=').first().waitFor(WAIT)
        assert.equal(await page.locator('main img[src=x], main script').count(), 0)
        assert.doesNotMatch(await page.title(), /broken/)
      })
    }
    const page = await browser.newPage()
    await page.goto(`${address}/#/live`)
    const refused = await page.evaluate(
      `try { document.body.innerHTML = '<b>x</b>'; 'written' } catch (error) { error.name }`,
    )
    assert.equal(refused, 'TypeError', 'not even our own script can write markup')
    await page.close()
  })

  test('dead letters are shown and sent again', async () => {
    await topics.deadLetter('broken.mp4')
    await visit('#/health', async (page) => {
      await page.getByText('broken.mp4 is damaged.').waitFor(WAIT)
      await page.getByRole('button', { name: /^Send/ }).click()
      await page.getByText(/went to their topics again/).waitFor(WAIT)
      await page.locator('.letter.sent').first().waitFor(WAIT)
      const sources: string[] = []
      for await (const { key } of tail({
        ...topics.options,
        topics: ['videos'],
        from: 'beginning',
        toEnd: true,
      })) {
        sources.push(String(key))
      }
      assert.ok(sources.includes('broken.mp4'), sources.join())
    })
  })

  test('no serious violations of accessibility, and nothing wider than the screen', async () => {
    const views = [
      '#/search?q=a+cyan+heart',
      '#/live',
      '#/events',
      '#/sources',
      '#/source?name=NAME',
      '#/health',
      '#/search',
    ]
    const answer = await fetch(`${address}/api/sources?find=moving-down`)
    const { sources } = (await answer.json()) as { sources: { source: string }[] }
    const name = encodeURIComponent(String(sources[0]?.source))
    const found: string[] = []
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark'] as const) {
        // Each size and each scheme once; all pairs where pictures are wanted.
        const isPair = (size === 'wide') === (colorScheme === 'light')
        if (!isPair && SHOTS === undefined) continue
        const page = await browser.newPage({ viewport, colorScheme })
        for (const view of views) {
          await page.goto('about:blank')
          await page.goto(`${address}/${view.replace('NAME', name)}`)
          await page.locator('main h1').waitFor(WAIT)
          await page.locator('main .spinner').waitFor({ ...WAIT, state: 'detached' })
          const [, label = ''] = /#\/([a-z]+)/.exec(view) ?? []
          if (SHOTS !== undefined) {
            await page.waitForTimeout(700)
            await page.screenshot({
              path: join(SHOTS, `${label}${view.includes('?') ? '-1' : ''}-${size}-${colorScheme}.png`),
            })
          }
          await page.evaluate(AXE)
          const violations = (await page.evaluate('axe.run().then((all) => all.violations)')) as Violation[]
          for (const { id, impact, nodes } of violations) {
            if (impact !== 'serious' && impact !== 'critical') continue
            found.push(`${view} ${size} ${colorScheme}: ${id} ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
          }
          const over = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'))
          if (over > 0) found.push(`${view} ${size}: ${over} px too wide`)
        }
        await page.close()
      }
    }
    assert.deepEqual(found, [])
  })
})
