import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from '../../../server/support.js'
import { type Door, type DoorReport, type DoorRun, noCounts } from '../door.js'
import { Random } from '../mutate.js'
import { PeakMemory } from '../peak-memory.js'

const MAIN = fileURLToPath(new URL('../../../../src/cli/main.js', import.meta.url))
const LIMIT_MS = 60_000
const MOST_MIB = 1200

/** What nobody means a parameter to be. */
const HOSTILE = [
  ...[
    '',
    '0',
    '-1',
    '1e999',
    'NaN',
    '9007199254740993',
    'null',
    '[]',
    '{}',
    '%00',
    '%',
    '%ff%fe',
    '../../../../etc/passwd',
  ],
  ...[
    '/etc/passwd',
    'file:///etc/passwd',
    's3://x/y',
    'http://127.0.0.1:1/',
    "' OR 1=1 --",
    '{{7*7}}',
    '<script>alert(1)</script>',
  ],
  ...[
    'a'.repeat(5000),
    '\u202e',
    '💥'.repeat(500),
    '__proto__',
    'constructor',
    '-Infinity',
    '2026-13-99T99:99',
    '\r\nX: y',
  ],
]

interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: readonly string[]
}

interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly parameters?: readonly { readonly name: string }[] }>>>
  >
}

/** Every operation of `stanflow serve`'s own OpenAPI document, with hostile values, and a good request in between. */
export const HTTP_DOOR: Door = {
  name: 'http api',
  standard: 2000,
  short: 40,
  async run({ mutants, seed, say }: DoorRun): Promise<DoorReport> {
    const home = await mkdtemp(join(tmpdir(), 'stanflow-fuzz-http-'))
    const random = new Random(seed)
    const peak = new PeakMemory()
    const counts = noCounts()
    const findings: string[] = []
    const { address, child } = await serve(home)
    const stop = peak.watch(child.pid as number)
    try {
      const document = (await ask(address, '/api/openapi.json')).json() as OpenApi
      const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, { parameters = [] }]) => ({
          ...{ method: method.toUpperCase(), path },
          parameters: parameters.map(({ name }) => name),
        })),
      )
      const good = (await ask(address, '/api/sources')).body.toString()
      for (let n = 0; n < mutants; n++) {
        const { method, path, parameters } = random.pick(operations)
        // It streams for ever by design.
        if (path === '/api/stream') continue
        const value = (): string => encoded(random.pick(HOSTILE), random)
        const query = [...parameters, random.pick(['x', '__proto__'])]
          .filter(() => random.int(4) > 0)
          .map((name) => `${name}=${value()}`)
        const target = `${path.replaceAll(/\{\w+\}/g, value)}?${query.join('&')}`
        const body =
          method === 'GET'
            ? undefined
            : random.pick([
                '',
                '{',
                '[]',
                '{"__proto__":{}}',
                `{"a":"${'x'.repeat(100_000)}"}`,
                '['.repeat(20_000),
              ])
        const headers = {
          ...(body !== undefined && {
            'content-type': 'application/json',
            origin: address.replace(/\/$/, ''),
          }),
        }
        const asked = ask(address, target, { method, headers, ...(body !== undefined && { body }) })
          .then(({ status, body: said }) => ({ status, said: said.toString('utf8', 0, 400) }))
          .catch((error: unknown) => ({ status: 0, said: String(error) }))
        const answer = await Promise.race([asked, sleep(LIMIT_MS, undefined, { ref: false })])
        const what = `${method} ${target.slice(0, 200)}`
        if (child.exitCode !== null || child.signalCode !== null) {
          counts.crashes++
          findings.push(`http ${what}: the server ended`)
          break
        }
        if (answer === undefined) {
          counts.hangs++
          findings.push(`http ${what}: no answer`)
        } else if (answer.status >= 500 && answer.status !== 503) {
          counts.unnamed++
          findings.push(`http ${what}: ${answer.status} ${answer.said}`)
        } else if (answer.status >= 200 && answer.status < 400) counts.taken++
        else counts.refused++
        if (n % 10 === 9 && (await ask(address, '/api/sources')).body.toString() !== good) {
          counts.neighboursLost++
          findings.push(`http: the sources changed after ${what}`)
        }
        if (n % 500 === 499) say(`http: ${n + 1} of ${mutants}`)
      }
      return {
        door: 'http api',
        mutants,
        ...counts,
        worstMiB: peak.mebibytes,
        mostMiB: MOST_MIB,
        findings,
      }
    } finally {
      stop()
      child.kill('SIGKILL')
      await rm(home, { recursive: true, force: true })
    }
  },
}

/** Mostly as a browser would send it; now and then raw. */
const encoded = (value: string, random: Random): string =>
  random.int(5) === 0 ? value.replaceAll(/[^\x21-\x7e]/g, '_') : encodeURIComponent(value)

/** The command itself over an empty folder of results, and its address. */
async function serve(home: string) {
  const child = spawn(process.execPath, [MAIN, 'serve', home, '--port', '0'], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const found = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said += `${line}\n`
        const address = /http:\/\/[\d.]+:\d+/.exec(line)?.[0]
        if (address !== undefined) resolve(address)
      })
    }
  })
  const address = await Promise.race([
    found,
    once(child, 'exit').then(() => undefined),
    sleep(120_000, undefined, { ref: false }),
  ])
  if (address === undefined) {
    child.kill('SIGKILL')
    throw new Error(`stanflow serve did not start: ${said}`)
  }
  return { address, child }
}
