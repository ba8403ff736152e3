import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from '../../../server/support.js'
import { type Door, type DoorReport, type DoorRun, noCounts, type PlantedFault } from '../door.js'
import { Random } from '../mutate.js'
import { PeakMemory } from '../peak-memory.js'

const MAIN = fileURLToPath(new URL('../../../../src/cli/main.js', import.meta.url))
const LIMIT_MS = 60_000
const MOST_MIB = 1200
/** It streams for ever by design. */
const STREAM = '/api/stream'

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

/** What a planted fault does in the server; a crash and a hang come from outside. */
const PLANTS: Readonly<Partial<Record<PlantedFault, string>>> = {
  memory: 'globalThis.hog = Buffer.alloc(1.6e9, 1)',
  unnamed: atRequest('n === 4', `answer.writeHead(500).end('planted')`),
  neighbour: atRequest(`n > 4 && asked.url === '/api/sources'`, `answer.writeHead(200).end('planted')`),
}

function atRequest(when: string, what: string): string {
  return `import { Server } from 'node:http'; const { emit } = Server.prototype; let n = 0
    Server.prototype.emit = function (event, asked, answer) {
      if (event === 'request' && ++n && ${when}) return ${what}
      return emit.apply(this, arguments)
    }`
}

/** Every operation of `stanflow serve`'s own OpenAPI document, with hostile values, and a good request in between. */
export const HTTP_DOOR: Door = {
  name: 'http api',
  standard: 2000,
  short: 40,
  async run({ mutants, seed, say, planted }: DoorRun): Promise<DoorReport> {
    const home = await mkdtemp(join(tmpdir(), 'stanflow-fuzz-http-'))
    const random = new Random(seed)
    const peak = new PeakMemory()
    const counts = noCounts()
    const findings: string[] = []
    const { address, child } = await serve(home, planted === undefined ? undefined : PLANTS[planted])
    const ended = once(child, 'exit')
    const stop = peak.watch(child.pid as number)
    try {
      const operations = await operationsOf(address)
      const good = await said(address, '/api/sources')
      for (let n = 0; n < mutants; n++) {
        if (n === 2 && planted === 'crash') child.kill('SIGABRT')
        if (n === 2 && planted === 'hang') child.kill('SIGSTOP')
        const { target, ...request } = hostile(random.pick(operations), address, random)
        const answer = await said(address, target, request)
        const what = `${request.method} ${target.slice(0, 200)}`
        // A connection that broke may be the first to tell.
        if (answer.status === 0) await Promise.race([ended, sleep(500, undefined, { ref: false })])
        if (child.exitCode !== null || child.signalCode !== null) {
          counts.crashes++
          findings.push(`http ${what}: the server ended`)
          break
        }
        if (answer.status === undefined) {
          counts.hangs++
          findings.push(`http ${what}: no answer`)
          break
        }
        if (answer.status >= 500 && answer.status !== 503) {
          counts.unnamed++
          findings.push(`http ${what}: ${answer.status} ${answer.body.slice(0, 400)}`)
        } else if (answer.status >= 200 && answer.status < 400) counts.taken++
        else counts.refused++
        if ((n % 10 === 9 || n === mutants - 1) && (await said(address, '/api/sources')).body !== good.body) {
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

async function operationsOf(address: string): Promise<Operation[]> {
  const { paths } = (await ask(address, '/api/openapi.json')).json() as OpenApi
  return Object.entries(paths)
    .filter(([path]) => path !== STREAM)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => ({
        ...{ method: method.toUpperCase(), path },
        parameters: parameters.map(({ name }) => name),
      })),
    )
}

const BODIES = [
  '',
  '{',
  '[]',
  '{"__proto__":{}}',
  `{"a":"${'x'.repeat(100_000)}"}`,
  '['.repeat(20_000),
] as const

interface HostileRequest {
  readonly target: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

function hostile({ method, path, parameters }: Operation, address: string, random: Random): HostileRequest {
  const value = (): string => encoded(random.pick(HOSTILE), random)
  const query = [...parameters, random.pick(['x', '__proto__'])]
    .filter(() => random.int(4) > 0)
    .map((name) => `${name}=${value()}`)
  const target = `${path.replaceAll(/\{\w+\}/g, value)}?${query.join('&')}`
  if (method === 'GET') return { method, target, headers: {} }
  const headers = { 'content-type': 'application/json', origin: address.replace(/\/$/, '') }
  return { method, target, headers, body: random.pick(BODIES) }
}

/** What comes back; status 0 where the connection broke, none where nothing comes in time. */
async function said(
  address: string,
  target: string,
  request: Parameters<typeof ask>[2] = {},
): Promise<{ readonly status?: number; readonly body: string }> {
  const asked = ask(address, target, request)
    .then(({ status, body }) => ({ status, body: body.toString() }))
    .catch((error: unknown) => ({ status: 0, body: String(error) }))
  return (await Promise.race([asked, sleep(LIMIT_MS, undefined, { ref: false })])) ?? { body: '' }
}

/** Mostly as a browser would send it; now and then raw. */
const encoded = (value: string, random: Random): string =>
  random.int(5) === 0 ? value.replaceAll(/[^\x21-\x7e]/g, '_') : encodeURIComponent(value)

/** The command itself over an empty folder of results, and its address. */
async function serve(home: string, plant: string | undefined) {
  const planting =
    plant === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(plant)}`]
  const child = spawn(process.execPath, [...planting, MAIN, 'serve', home, '--port', '0'], {
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
