import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { renderReport } from '../../src/report/render.js'
import { CHECKED, checkedRows, HEAD, occurrences, page, pictured, windows } from './support.js'

const HOSTILE = [
  '<img src=x onerror=document.title=1>.mp4',
  '"><script>document.title=1</script>.mp4',
  "' onmouseover='document.title=1.mp4",
  '</title></style></script><svg onload=document.title=1>.mp4',
  '&lt;b&gt; & co.mp4',
]

suite('a report', () => {
  test('shows every video with its labels, scores and times', async () => {
    const text = await page([await pictured('a/one.mp4'), await pictured('two.mp4', 'fall')])
    assert.equal(occurrences(text, /<article /), 2)
    assert.match(text, /<span class="folder">a\/<\/span>one\.mp4/)
    assert.match(text, /fall<\/bdi>.*75\.0\u00a0%/)
    assert.match(text, /<img src="data:image\/jpeg;base64,[^"]+"[^>]*><figcaption>0:01\.5</)
  })

  test('shows names, labels and messages as text, whatever they hold', async () => {
    const videos = await Promise.all(HOSTILE.map((name) => pictured(name, name)))
    const failures = HOSTILE.map((name) => ({
      ...{ source: name, code: 'MEDIA_DECODE', message: name, hint: name, clipsStored: 0, attempts: 1 },
      lastFailedAt: '2026-01-02T03:04:05Z',
    }))
    const leaders = HOSTILE.map((label) => ({ label, clips: 1 }))
    const rows = HOSTILE.map((name) => ({ source: name, expected: name, label: name, score: 1, right: true }))
    const checked = { title: HOSTILE[3] ?? '', result: HOSTILE[1] ?? '', note: HOSTILE[0] ?? '', rows }
    const head = { title: HOSTILE[3] ?? '', warnings: HOSTILE, totals: { ...HEAD.totals, leaders }, checked }
    const text = await page([...videos, windows(HOSTILE[0] ?? '', 3, HOSTILE[1])], { failures, head })
    assert.equal(occurrences(text, /<script/), 1)
    assert.equal(occurrences(text, /<img/), HOSTILE.length)
    const tags = text.replaceAll(/"[^"]*"/g, '""')
    assert.equal(occurrences(tags, /<[^<>]*\son\w+=/), 0, 'no tag has an event handler')
    assert.match(text, /&amp;lt;b&amp;gt; &amp; co\.mp4/)
  })

  test('needs nothing from elsewhere and forbids it', async () => {
    const text = await page([await pictured('one.mp4'), windows('two.mp4', 40)])
    assert.doesNotMatch(text, /https?:|@import|url\(/)
    assert.doesNotMatch(text, /\s(src|href)="(?!data:image\/jpeg;base64,|#)/)
    assert.doesNotMatch(text, /\sstyle="/)
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(text)?.[1] ?? ''
    assert.match(policy, /default-src &#39;none&#39;/)
    for (const tag of ['style', 'script']) {
      const inline = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(text)?.[1] ?? ''
      const hash = createHash('sha256').update(inline).digest('base64')
      assert.ok(policy.includes(`${tag}-src &#39;sha256-${hash}&#39;`), `the policy allows our ${tag}`)
    }
  })

  test('tells right labels from wrong ones before the videos, and leads to these', async () => {
    const videos = [await pictured('two.mp4'), windows('one.mp4', 1)]
    const text = await page(videos, { head: { checked: CHECKED } })
    assert.deepEqual(checkedRows(text), [
      { cells: ['one.mp4', 'run', 'run', '75.0\u00a0%', '✓ right'], to: 'video-1' },
      { cells: ['two.mp4', 'fall', 'sit', '50.0\u00a0%', '✗ wrong'], to: 'video-2' },
    ])
    assert.match(text, /<h2 id="checked">Right labels<.*1 of 2 right.*One clip over each whole video\./s)
    assert.ok(text.indexOf('class="totals"') < text.indexOf('id="checked"'))
    assert.ok(text.indexOf('</section>') < text.indexOf('<main>'))
    assert.match(text, /<article class="video" id="video-2" [^>]*>\n<h3>[^\n]*two\.mp4/)
    assert.match(text, /<li class="video" id="video-1" [^>]*>\n<span class="who">[^\n]*one\.mp4/)
  })

  test('has no table of right labels, and no places to lead to, where nobody knows what is right', async () => {
    const text = await page([await pictured('one.mp4'), windows('two.mp4', 1)])
    assert.doesNotMatch(text, /checked|id="video-|:target/)
    assert.match(text, /<option value="made">as processed</)
  })

  test('leads to no video that is not there', async () => {
    const rows = CHECKED.rows.map((row) => ({ ...row, absent: row.source === 'two.mp4' }))
    const text = await page([windows('one.mp4', 1)], { head: { checked: { ...CHECKED, rows } } })
    assert.deepEqual(
      checkedRows(text).map(({ to }) => to),
      ['video-1', undefined],
    )
  })

  test('offers no order of processing where the videos come by name', async () => {
    const text = await page([windows('one.mp4', 1)], { head: { order: 'name' } })
    assert.match(text, /<select id="order">\n<option value="name">/)
    assert.doesNotMatch(text, /as processed/)
  })

  test('lists failures at the end with code, message and hint', async () => {
    const failure = {
      source: 'bad.mp4',
      code: 'MEDIA_TRUNCATED',
      message: 'It ends early.',
      hint: 'Copy it.',
    }
    const text = await page([windows('good.mp4', 1)], {
      failures: [{ ...failure, clipsStored: 3, attempts: 2, lastFailedAt: '2026-01-02T03:04:05Z' }],
    })
    const end = text.slice(text.indexOf('id="failures"'))
    assert.match(end, /bad\.mp4.*MEDIA_TRUNCATED<\/code> It ends early\..*Copy it\..*2\u00a0attempts/s)
    assert.match(end, /3\u00a0clips kept/)
    assert.ok(text.indexOf('good.mp4') < text.indexOf('id="failures"'))
  })

  test('puts warnings before all results and marks labels that mean nothing', async () => {
    const head = { warnings: ['The weights are random.'], meaningless: true }
    const text = await page([await pictured('one.mp4')], { head })
    assert.ok(text.indexOf('The weights are random.') < text.indexOf('class="totals"'))
    assert.match(text.slice(text.indexOf('<article')), /Random weights: no meaning/)
    assert.doesNotMatch(await page([await pictured('one.mp4')]), /role="note"|Random weights/)
  })

  test('says so when there is nothing to show', async () => {
    const totals = { videos: 0, clips: 0, seconds: 0, leaders: [], strips: 0 }
    const text = await page([], { head: { totals } })
    assert.match(text, /No results yet/)
    assert.doesNotMatch(text, /<script|<article/)
  })

  test('says why a video has no pictures', async () => {
    const strip = { kind: 'missing', why: 'The original is gone.' } as const
    const text = await page([{ ...windows('one.mp4', 1), strip }])
    assert.match(text, /<article .*The original is gone\./s)
  })

  test('shows videos beyond the pictured ones as rows and says so', async () => {
    const head = { totals: { ...HEAD.totals, videos: 3, strips: 1 } }
    const text = await page([await pictured('a.mp4'), windows('b.mp4', 1), windows('c.mp4', 9)], { head })
    assert.equal(occurrences(text, /<article /), 1)
    assert.equal(occurrences(text, /<li class="video"/), 2)
    assert.match(text, /only the first 1 of 3\u00a0videos come with pictures/)
  })

  test('comes in pieces, with one video asked for at a time', async () => {
    let asked = 0
    let written = 0
    const videos = (async function* () {
      for (; asked < 2000; asked++) yield windows(`${asked}.mp4`, 2)
    })()
    for await (const piece of renderReport({ head: HEAD, videos, failures: [] })) {
      if (piece.includes('<li class="video"')) written++
      assert.ok(asked - written <= 1, 'no video is asked for before the last one is written')
    }
    assert.equal(written, 2000)
  })
})
