import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { checkedRows, sourcesOf } from '../report/support.js'
import { cli, type Finished } from '../support/cli.js'

suite('the demo', () => {
  let dir: string
  let demo: Finished
  let page: string

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stanflow-demo-'))
    demo = await cli(['demo', '--to', dir])
    assert.equal(demo.code, 0, demo.stderr)
    page = await readFile(join(dir, 'report.html'), 'utf8')
  })
  after(() => rm(dir, { recursive: true, force: true }))

  test('has the right label for at least nine of ten videos, on the console as on its page', () => {
    const [, right = ''] = /^(\d+) of 10 right$/m.exec(demo.stdout) ?? []
    assert.ok(Number(right) >= 9, demo.stdout)
    assert.ok(page.includes(`<p class="result">${right} of 10 right</p>`))
    const lines = demo.stdout.split('\n').filter((line) => /^\d\d-/.test(line))
    const told = lines.map((line) => line.split(/ {2,}/))
    const shown = checkedRows(page).map(
      ({ cells: [source = '', expected, label = '', score = '', verdict] }) => {
        assert.equal(verdict, label === expected ? '✓ right' : '✗ wrong')
        // The name of the file says what is in it.
        assert.equal(
          expected,
          source
            .replace(/^\d+-/, '')
            .replace(/\.\w+$/, '')
            .replaceAll('-', ' '),
        )
        const share = Number.parseFloat(score) / 100
        return [source, label, share, label === expected ? 'yes' : 'no'] as const
      },
    )
    assert.equal(shown.length, 10)
    assert.equal(shown.filter(([, , , verdict]) => verdict === 'yes').length, Number(right))
    for (const [n, [source, label, share, verdict]] of shown.entries()) {
      const [file, best, score, yes] = told[n] ?? []
      assert.deepEqual([file, best, yes], [source, label, verdict])
      assert.ok(Math.abs(Number(score) - share) <= 0.0056, `${score} and ${share}`)
    }
  })

  test('shows its videos in the order of that table, which leads to them', () => {
    const rows = checkedRows(page)
    const sources = rows.map(({ cells: [source] }) => source)
    assert.deepEqual(sourcesOf(page), sources)
    const ids = [...page.matchAll(/<article class="video" id="([^"]*)"/g)].map(([, id]) => id)
    assert.deepEqual(
      rows.map(({ to }) => to),
      ids,
    )
  })

  test('names itself and tells its two runs apart', () => {
    assert.match(page, /<title>Demo: 10 drawn videos – stanflow report</)
    assert.match(page, /One clip over each whole video.*The rest of this page is of windows of 1\u00a0s/s)
    assert.doesNotMatch(page, /not on this page/)
    assert.match(demo.stderr, /^whole videos:\n.*^10\/10 videos.*^windows of 1 s:\n.*^10\/10 videos/ms)
  })

  test('has the same table and page of what was there from an earlier run', async () => {
    const again = await cli(['demo', '--to', dir])
    assert.equal(again.code, 0, again.stderr)
    assert.match(again.stdout, /All of it was there from an earlier run/)
    const undated = (text: string) => text.replace(/<time.*?<\/time>/, '')
    assert.equal(undated(await readFile(join(dir, 'report.html'), 'utf8')), undated(page))
  })
})
