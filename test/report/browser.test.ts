import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { HEAD, page, pictured, windows } from './support.js'

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
function played(text: string, script: string): Promise<string> {
  const free = text.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '')
  return opened(free.replace('</body>', () => `<script>${script}</script></body>`))
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
