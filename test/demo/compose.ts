import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Broker } from '../support/broker.js'
import { freePort } from '../support/child.js'
import { environmentOf, isStanflow, mountsOf, readCompose, type Service } from '../support/compose.js'
import { Registry } from '../support/registry.js'
import { S3Server } from '../support/s3-server.js'

/**
 * What infra/compose.yaml wires, without containers: its own command lines and environments as processes, in the order of
 * its `depends_on` and under its health checks, around a broker, a registry, an S3 server and a camera of this machine. Ends by
 * itself, with 0 where results of every camera came through to the page, and leaves nothing running.
 */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const MAIN = join(ROOT, 'dist/src/cli/main.js')
const WAIT_MS = 300_000
const TOKEN = 'a-token-of-the-compose-demo-0123456789'
const DONE = 'service_completed_successfully'

const say = (text: string): boolean => process.stdout.write(`${text}\n`)
const services = readCompose()
const dir = await mkdtemp(join(tmpdir(), 'stanflow-compose-'))
say('starting a Kafka broker, a schema registry, an S3 server and a camera …')
const [broker, registry, s3] = await Promise.all([Broker.start(), Registry.start(), S3Server.start()])
const ports = { camera: await freePort(), page: await freePort() }

interface Running {
  readonly name: string
  readonly child: ChildProcess
  readonly listen: string
  readonly ended: Promise<number | null>
}
const running: Running[] = []

/** Names of containers as addresses of this machine. */
function here(text: string): string {
  return text
    .replaceAll('kafka:9094', broker.addresses.plain)
    .replaceAll('http://registry:8080/apis/ccompat/v7', registry.url)
    .replaceAll('http://s3:7070', s3.endpoint)
    .replaceAll('camera:8554', `127.0.0.1:${ports.camera}`)
}

/** A service's volumes: named ones as folders, files of the repository with the names in them made ours. */
async function placesOf(service: Service): Promise<(text: string) => string> {
  const places: [string, string][] = []
  for (const { from, to } of mountsOf(service)) {
    const place = join(dir, basename(from))
    await writeFile(place, here(await readFile(from, 'utf8')))
    // Node finds what a script imports from where the script lies.
    places.push([to, from.endsWith('.mjs') ? from : place])
  }
  for (const volume of service.volumes.filter((one) => /^\w/.test(one))) {
    const [name = '', to = ''] = volume.split(':')
    await mkdir(join(dir, name), { recursive: true })
    places.push([to, join(dir, name)])
  }
  return (text) => places.reduce((so, [to, place]) => (so.startsWith(to) ? so.replace(to, place) : so), text)
}

async function begin(name: string, service: Service, copy = 1): Promise<Running> {
  const placed = await placesOf(service)
  const listen = `127.0.0.1:${await freePort()}`
  const args = service.command.map((word) => placed(here(word)).replace(/^0\.0\.0\.0$/, '127.0.0.1'))
  const given = Object.entries(environmentOf(service)).map(([key, value]) => [key, here(value)])
  const program =
    service.image === 'stanflow:camera'
      ? [join(ROOT, 'infra/camera/camera.py'), join(dir, 'scenes'), '--address', '127.0.0.1']
          .concat('--port', String(ports.camera))
          .concat(args)
      : isStanflow(service)
        ? [process.execPath, MAIN, ...args]
        : [process.execPath, ...(service.entrypoint ?? []).slice(3).map(placed), ...args]
  const [command = '', ...rest] = program
  if (name === 'serve') rest.push('--port', String(ports.page))
  say(`$ ${[name, ...service.command].join(' ')}`)
  const child = spawn(command, rest, {
    cwd: ROOT,
    env: {
      ...process.env,
      ...(Object.fromEntries(given) as NodeJS.ProcessEnv),
      ...(given.length > 0 && s3.env),
      STANFLOW_LISTEN: listen,
      STANFLOW_ACCESS_TOKEN: TOKEN,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(join(dir, `${name}-${copy}.log`))
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const one = { name: `${name}-${copy}`, child, listen, ended }
  running.push(one)
  return one
}

/** Waits until the service's own health check, with its words, says that it is well. */
async function isHealthy({ name, child, listen }: Running, test: readonly string[]): Promise<void> {
  const [, program = '', ...words] = test
  const own = program === 'camera' ? join(ROOT, 'infra/camera/camera.py') : process.execPath
  const args = program === 'camera' ? [...words, '--port', String(ports.camera)] : [MAIN, ...words]
  for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline; await sleep(500)) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
    const asked = spawn(own, args, { env: { ...process.env, STANFLOW_LISTEN: listen }, stdio: 'ignore' })
    const [code] = (await once(asked, 'exit')) as [number | null]
    if (code === 0) return
  }
  throw new Error(`${name} does not become healthy`)
}

/** Begins a service once what it waits for has come to what it waits for. */
const begun = new Map<string, Promise<void>>()
function bringUp(name: string): Promise<void> {
  const service = services[name]
  if (service === undefined || !service.image.startsWith('stanflow:')) return Promise.resolve()
  const coming = begun.get(name) ?? up(name, service)
  begun.set(name, coming)
  return coming
}

async function up(name: string, service: Service): Promise<void> {
  await Promise.all(Object.keys(service.depends_on).map(bringUp))
  const isOnce = Object.values(services).some(({ depends_on: on }) => on[name]?.condition === DONE)
  const copies = Array.from({ length: service.deploy?.replicas ?? 1 }, (_, index) => index + 1)
  for (const copy of copies) {
    const one = await begin(name, service, copy)
    if (!isOnce) await isHealthy(one, service.healthcheck?.test ?? [])
    else if ((await one.ended) !== 0) throw new Error(`${name} failed`)
  }
}

async function ask<T>(path: string): Promise<T> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const answer = await fetch(`http://127.0.0.1:${ports.page}${path}`, { headers })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

interface Live {
  readonly cameras: readonly {
    readonly source: string
    readonly state: string
    readonly labels: readonly { label: string }[]
  }[]
}
interface Found {
  readonly moments: readonly { readonly source: string; readonly start: number; readonly score: number }[]
}

async function through(): Promise<{ live: Live; found: Found; files: number }> {
  const live = await ask<Live>('/api/live')
  const found = await ask<Found>('/api/search?q=something%20moving%20in%20a%20circle&top=20')
  const objects = await readdir(s3.file('stanflow', 'archive'), { recursive: true }).catch(() => [])
  return { live, found, files: objects.filter((name) => name.endsWith('.parquet')).length }
}

function isThrough({ live, found, files }: Awaited<ReturnType<typeof through>>): boolean {
  const sources = new Set(found.moments.map(({ source }) => source))
  return files >= 2 && sources.size === 3 && live.cameras.filter((one) => one.labels.length > 0).length === 3
}

let code = 1
try {
  const scenes = spawn(process.execPath, [MAIN, 'scenes', '--to', join(dir, 'scenes'), '--count', '12'], {
    stdio: 'ignore',
  })
  await once(scenes, 'exit')
  const names = Object.keys(services).filter((name) => services[name]?.profiles.includes('cpu'))
  await Promise.all(names.map(bringUp))
  say('all are healthy; waiting for results of three cameras at the page and in the archive …')
  let came = await through().catch(() => undefined)
  for (const deadline = Date.now() + WAIT_MS; came === undefined || !isThrough(came); await sleep(1000)) {
    if (Date.now() > deadline) throw new Error(`not everything came through: ${JSON.stringify(came)}`)
    came = await through().catch(() => undefined)
  }
  for (const { source, state, labels } of came.live.cameras)
    say(`  ${source} is ${state}: ${labels[0]?.label}`)
  const [best] = came.found.moments
  say(
    `  search finds ${came.found.moments.length} moments, the best ${best?.score.toFixed(3)} at ${best?.source}`,
  )
  say(`  the archive has ${came.files} files`)
  for (const { name, child, listen } of running.filter((one) => !one.name.startsWith('camera'))) {
    if (child.exitCode !== null) continue
    const text = await (await fetch(`http://${listen}/metrics`)).text()
    const clips = /^stanflow_(?:clips|camera_clips)_total\{[^\n]*\} (\d+)$/m.exec(text)?.[1]
    const series = text.split('\n').filter((line) => line.startsWith('stanflow_')).length
    say(`  ${name} at /metrics: ${series} series${clips === undefined ? '' : `, ${clips} clips`}`)
  }
  code = 0
} catch (error) {
  say(String(error))
  const logs = process.env.STANFLOW_COMPOSE_LOGS
  if (logs !== undefined) await cp(dir, logs, { recursive: true })
  for (const { name } of running) {
    const text = await readFile(join(dir, `${name}.log`), 'utf8').catch(() => '')
    say(`--- ${name}\n${text.split('\n').slice(-8).join('\n')}`)
  }
} finally {
  for (const { child } of running) child.kill('SIGTERM')
  for (const { name, ended } of running) {
    const status = await ended
    if (status !== 0) {
      say(`${name} ended with ${status}`)
      code = 1
    }
  }
  if (code === 0) say(`SIGTERM: all ${running.length} ended with 0`)
  await Promise.all([broker.stop(), registry.stop(), s3.stop()])
  await rm(dir, { recursive: true, force: true })
}
process.exitCode = code
