import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM_PATH ?? 'chromium'

/** False where there is a browser, else why tests that need one are skipped. In CI there must be one. */
export const noBrowser: false | string = await promisify(execFile)(CHROMIUM, ['--version']).then(
  () => false,
  () => {
    if (process.env.CI !== undefined) throw new Error('chromium is missing: run infra/test-setup.sh')
    return 'needs chromium: apt-get install chromium'
  },
)

export async function openBrowser(): Promise<Browser> {
  const { stdout } = await promisify(execFile)('which', [CHROMIUM])
  return chromium.launch({
    executablePath: stdout.trim(),
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  })
}
