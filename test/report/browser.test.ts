import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { confusionSvg } from '../../src/report/confusion.js'
import { renderEvaluation } from '../../src/report/evaluation.js'
import { escapeHtml } from '../../src/report/html.js'
import { CHECKED, HEAD, page, pictured, windows } from './support.js'

const run = promisify(execFile)
const CHROMIUM = process.env.CHROMIUM_PATH ?? 'chromium'
const QUIET = [
  ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

const skip = await run(CHROMIUM, ['--version']).then(
  () => false,
  () => 'needs chromium',
)

/** The page as the browser has it once its scripts ran. */
async function opened(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stanflow-browser-'))
  try {
    const file = join(folder, 'report.html')
    await writeFile(file, text)
    const profile = `--user-data-dir=${join(folder, 'profile')}`
    const address = pathToFileURL(file).href
    const { stdout } = await run(CHROMIUM, [...QUIET, profile, '--dump-dom', address], { maxBuffer: 1e8 })
    return stdout
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The page with what a person does to it, which its own policy would not let another script do. */
const played = (text: string, script: string): Promise<string> => opened(withScript(text, script))

function withScript(text: string, script: string): string {
  const free = text.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '')
  return free.replace('</body>', () => `<script>${script}</script></body>`)
}

/** What `expression` is in a window of that width; in a frame, as a window of its own is never narrower than 500. */
async function seenAt(width: number, text: string, expression: string): Promise<string | undefined> {
  const inside = withScript(text, `parent.document.body.dataset.seen = ${expression}`)
  const frame = `<iframe style="width:${width}px;height:900px;border:0" srcdoc="${escapeHtml(inside)}"></iframe>`
  const dom = await opened(`<!doctype html><body>${frame}</body>`)
  return /data-seen="([^"]*)"/.exec(dom)?.[1]
}

const shown = (dom: string): string[] =>
  [...dom.matchAll(/<(?:article|li) class="video"([^>]*)>.*?data-find="">(?:<span[^>]*><\/span>)?([^<]*)/gs)]
    .filter(([, attributes = '']) => !attributes.includes('hidden'))
    .map(([, , name = '']) => name)

suite('a report in a browser', { skip }, () => {
  test('runs its own script under its policy, and nothing out of names or labels', async () => {
    const attack = '<img src=x onerror=document.title="broken">'
    const head = { title: attack, totals: { ...HEAD.totals, leaders: [{ label: attack, clips: 1 }] } }
    const injected = '<script>document.title="broken"</script><b onclick="1"></b>'
    const text = await page([await pictured(attack, attack), windows(injected, 2, injected)], { head })
    const dom = await opened(text.replace('</body>', `${injected}</body>`))
    assert.match(dom, /<search class="controls">/, 'the controls are shown by our script')
    assert.doesNotMatch(dom, /<title>broken/)
  })

  test('finds videos by name or label and orders them', async () => {
    const videos = [
      await pictured('b10.mp4', 'fall'),
      await pictured('b9.mp4', 'run'),
      await pictured('a.mp4', 'run fast'),
      windows('rest.mp4', 5, 'fall'),
    ]
    const text = await page(videos)
    const type = (word: string) =>
      `find.value = ${JSON.stringify(word)}; find.dispatchEvent(new Event('input'));`
    assert.deepEqual(shown(await played(text, type('RUN'))), ['b9.mp4', 'a.mp4'])
    const ordered = `order.value = 'name'; order.dispatchEvent(new Event('change'));`
    const dom = await played(text, `${type('mp4')}${ordered}`)
    assert.deepEqual(shown(dom), ['a.mp4', 'b9.mp4', 'b10.mp4', 'rest.mp4'])
    assert.match(dom, /id="shown"[^>]*>4 of 4</)
  })

  test('moves along a timeline by the arrow keys', async () => {
    const strip = { kind: 'missing', why: 'Gone.' } as const
    const text = await page([{ ...windows('a.mp4', 4), strip }])
    const press = (key: string) =>
      `document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: '${key}', bubbles: true }));`
    const keys = ['End', 'ArrowRight', 'ArrowLeft'].map(press).join('')
    const dom = await played(text, `document.querySelector('.clip').focus();${keys}`)
    assert.match(dom, /tabindex="0" aria-label="0:02\.0–0:04\.0/)
    assert.equal([...dom.matchAll(/class="clip [^>]*tabindex="0"/g)].length, 1)
  })
})

suite('right labels in a browser', { skip }, () => {
  test('are seen whole at any width, by word and sign, and lead to their videos', async () => {
    const long = {
      expected: 'a purple square and a cyan star coming together',
      source: `${'long-'.repeat(12)}.mp4`,
    }
    const rows = CHECKED.rows.map((row) => ({ ...row, ...long, source: `${row.source}-${long.source}` }))
    const videos = await Promise.all(rows.map(({ source }) => pictured(source)))
    const text = await page(videos, { head: { checked: { ...CHECKED, rows } } })
    const all = (css: string): string => `[...document.querySelectorAll('.checked ${css}')]`
    const facts = [
      'innerWidth',
      'document.documentElement.scrollWidth > document.documentElement.clientWidth',
      `${all('td, th')}.some((cell) => cell.scrollWidth > cell.clientWidth + 1 && cell.closest('tbody'))`,
      `${all('td:last-child')}.map((cell) => cell.innerText).join('/')`,
      `${all('a')}.every((a) => document.querySelector(a.hash).querySelector('.name').textContent === a.textContent)`,
      `getComputedStyle(${all('td[data-head]')}[0], '::before').content`,
    ]
    const seen = (width: number) => seenAt(width, text, `[${facts.join()}].join()`)
    assert.equal(await seen(390), '390,false,false,✓ right/✗ wrong,true,&quot;Shows&quot;')
    assert.equal(await seen(1280), '1280,false,false,✓ right/✗ wrong,true,none')
  })
})

suite('the page of an evaluation in a browser', { skip }, () => {
  test('all five columns of a retrieval are seen on a telephone; what is wider says that it scrolls', async () => {
    const head = ['', 'R@1', 'R@5', 'R@10', 'MdR', 'MnR']
    const cells = ['video to text, cosine, dual softmax', '100.0', '100.0', '100.0', '113.0', '118.6']
    const classes = Array.from({ length: 15 }, (_, n) => ({ label: `something turning ${n}`, count: 1 }))
    const confusion = classes.map((_, truth) => classes.map((_, answer) => (truth === answer ? 1 : 0)))
    let text = ''
    for await (const piece of renderEvaluation({
      ...{ title: 'data', made: new Date('2026-01-02T03:04:05Z'), version: '1.2.3', warnings: [], facts: [] },
      ...{ totals: [], classes: [], mistakesTitle: '', left: [], broken: [] },
      tables: [{ title: 'Retrieval', head, rows: [{ cells, published: false }] }],
      confusion: confusionSvg({ classes, confusion }),
      mistakes: (async function* () {})(),
    }))
      text += piece
    const of = (css: string): string => `document.querySelector('${css}')`
    const facts = [
      'innerWidth',
      `${of('.wide')}.scrollWidth - ${of('.wide')}.clientWidth`,
      `${of('.confusion')}.scrollWidth > ${of('.confusion')}.clientWidth`,
      `getComputedStyle(${of('.scrolls')}).display`,
    ]
    const seen = (width: number) => seenAt(width, text, `[${facts.join()}].join()`)
    assert.equal(await seen(390), '390,0,true,block')
    assert.equal(await seen(1280), '1280,0,false,none')
  })
})
