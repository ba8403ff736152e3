import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { renderVideo } from '../../src/media/encode.js'
import { SECRET, TestReceiver } from '../alerts/receiver.js'
import { freePort, ServerProcess } from '../support/child.js'
import { cli } from '../support/cli.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'
import { ROOT } from './chart.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const FETCHED = join(ROOT, '.cache/prometheus/usr/bin/prometheus')
/** Not fetched where it is installed. */
const PROMETHEUS = existsSync(FETCHED) ? FETCHED : 'prometheus'
/** So long nothing more may come of what is waited for; a slow machine takes longer, but goes on. */
const WAIT_MS = 300_000

/** What cannot be had here, and why. A name alone would not do: a query that is always empty must have a reason. */
const WITHOUT: readonly { readonly query: RegExp; readonly why: string }[] = [
  { query: /^DCGM_/, why: "there is no graphics card here, so NVIDIA's exporter has nothing to tell" },
  {
    query: /stanflow_retries_total/,
    why: 'a series only where a transaction was lost; that it is declared is looked at',
  },
]

/** Metrics of others that alerts ask for: kube-state-metrics', which takes a cluster. */
const OTHERS = /^(kube_|DCGM_|up$)/

interface Alert {
  readonly alert: string
  readonly expr: string
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

interface Running {
  readonly name: string
  readonly process: ServerProcess
  readonly port: number
}

/** Every command that goes on and on, and a backfill that does, around one broker: a camera, one that is not there, and a video that is none. */
async function everything(
  t: TestContext,
): Promise<{ readonly all: readonly Running[]; readonly page: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-watching-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const broker = await sharedBroker()
  const receiver = await TestReceiver.start()
  t.after(() => receiver.stop())
  await renderVideo(join(dir, 'door.mp4'), {
    codec: 'h264',
    filter: 'testsrc2=size=96x72:rate=10:duration=4',
  })
  await writeFile(join(dir, 'damaged.mp4'), Buffer.alloc(5000, 7))
  // So many clips that a backfill is at it for as long as it is looked at.
  await mkdir(join(dir, 'archive'))
  await renderVideo(join(dir, 'archive/long.mp4'), {
    codec: 'h264',
    filter: 'testsrc2=size=96x72:rate=1:duration=900',
  })
  await writeFile(join(dir, 'archive/damaged.mp4'), Buffer.alloc(5000, 7))
  await mkdir(join(dir, 'out'))
  const away = `127.0.0.1:${await freePort()}`
  const cameras = [
    { id: 'door', url: join(dir, 'door.mp4'), loop: true },
    { id: 'gone', url: `rtsp://${away}/1` },
  ]
  await writeFile(join(dir, 'cameras.yaml'), JSON.stringify({ window: '2s', stride: '1s', cameras }))
  await writeFile(join(dir, 'rules.yaml'), JSON.stringify([{ name: 'a', label: 'a', threshold: 0.5 }]))
  const env = {
    ...{ STANFLOW_BROKERS: broker.plain, STANFLOW_PREFIX: topicPrefix(), STANFLOW_WEBHOOK_SECRET: SECRET },
    STANFLOW_SESSION_TIMEOUT: '30s',
  }
  const made = await cli(['topics', 'create', '--partitions', '1'], { env })
  assert.equal(made.code, 0, made.stderr)
  const page = await freePort()
  const begin = async (name: string, ...args: string[]): Promise<Running> => {
    const port = await freePort()
    // A backfill would take all processors from the others.
    const calm = name === 'backfill' ? ['nice', '-n', '19'] : []
    const command = [...calm, process.execPath, MAIN, name, ...args, '--listen', `127.0.0.1:${port}`]
    const server = new ServerProcess(command, { env, cwd: dir })
    t.after(() => server.stop())
    return { name, process: server, port }
  }
  const all = [
    await begin('consume', '--labels', 'a, b', '--batch', '4'),
    await begin('archive', '--to', 'out', '--roll-time', '2s'),
    await begin('ingest', '--cameras', 'cameras.yaml', '--to', `kafka://${broker.plain}`, '--split'),
    await begin('index', '--from', 'kafka://', '--to', 'index'),
    await begin('serve', 'out', '--port', String(page), '--index', 'index'),
    await begin('alerts', '--webhook', receiver.url, '--webhook-private', '--from', 'beginning'),
    await begin(
      ...(['backfill', 'archive', '--to', 'night', '--concurrency', '1'] as const),
      ...['--sample', 'window', '--window', '2s', '--stride', '0.01s'],
    ),
    // Waits for a broker that never comes.
    await begin('rules', '--rules', 'rules.yaml', '--brokers', away),
  ]
  const sent = await cli(['submit', join(dir, 'damaged.mp4')], { env })
  assert.equal(sent.code, 0, sent.stderr)
  return { all, page: `http://127.0.0.1:${page}/` }
}

async function prometheus(t: TestContext, all: readonly Running[]) {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-prometheus-'))
  const port = await freePort()
  const config = {
    // Timed out, a target counts as gone: on a slow machine an answer takes its time.
    global: { scrape_interval: '5s', scrape_timeout: '5s', evaluation_interval: '1s' },
    rule_files: [join(ROOT, 'infra/prometheus/rules.yaml')],
    scrape_configs: [
      { job_name: 'stanflow', static_configs: [{ targets: all.map((one) => `127.0.0.1:${one.port}`) }] },
    ],
  }
  await writeFile(join(dir, 'prometheus.yml'), JSON.stringify(config))
  const server = new ServerProcess([
    ...[
      PROMETHEUS,
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
    ],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
  ])
  t.after(async () => {
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  })
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string }
    assert.equal(status, 'success', `${path}: ${error}`)
    return data
  }
  return { server, ask }
}

/** Waits until nothing is left, as long as it becomes less. */
async function until(what: string, count: () => Promise<number>, missing: () => string): Promise<void> {
  let [least, deadline] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let left = await count(); left > 0; left = await count()) {
    if (left < least) [least, deadline] = [left, Date.now() + WAIT_MS]
    assert.ok(Date.now() < deadline, `${what}: ${missing()}`)
    await sleep(1000)
  }
}

test('a real Prometheus beside every command: each query of the dashboard gives data, each alert can be worked out, and what is wrong is told', async (t) => {
  const { all, page } = await everything(t)
  const { server, ask } = await prometheus(t, all)
  const alive = (): void => {
    for (const { name, process } of all) assert.ok(process.running, `${name} ended: ${process.said}`)
    assert.ok(server.running, server.said)
  }
  const { panels } = JSON.parse(await readFile(join(ROOT, 'infra/grafana/stanflow.json'), 'utf8')) as {
    panels: readonly Panel[]
  }
  const queries = panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '60s').replaceAll('$namespace', '.*')),
  )
  assert.ok(queries.length > 40)
  const without = queries.filter((query) => WITHOUT.some((one) => one.query.test(query)))
  const left = new Set(queries.filter((query) => !without.includes(query)))
  const reachable = () =>
    ask('query?query=1').then(
      () => true,
      () => false,
    )
  await until(
    'Prometheus',
    async () => {
      alive()
      return (await reachable()) ? 0 : 1
    },
    () => server.said,
  )
  await until(
    'the dashboard',
    async () => {
      alive()
      // Somebody looks at the page.
      await fetch(page).then(
        (response) => response.arrayBuffer(),
        () => undefined,
      )
      for (const query of left) {
        const { result } = await ask<{ result: readonly { value: [number, string] }[] }>(
          `query?query=${encodeURIComponent(query)}`,
        )
        if (result.some(({ value }) => value[1] !== 'NaN')) left.delete(query)
      }
      return left.size
    },
    () =>
      `no data of\n${[...left].join('\n')}\n${all.map(({ name, process }) => `${name}: ${process.said}`).join('\n')}`,
  )
  // What gives nothing here is asked for rightly all the same.
  for (const query of without) await ask(`query?query=${encodeURIComponent(query)}`)

  const rules = parse(await readFile(join(ROOT, 'infra/prometheus/rules.yaml'), 'utf8')) as {
    groups: readonly { rules: readonly Alert[] }[]
  }
  const alerts = rules.groups.flatMap((group) => group.rules)
  for (const { expr } of alerts) await ask(`query?query=${encodeURIComponent(expr)}`)
  const declared = new Set<string>()
  for (const { port } of all) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    for (const [, name = ''] of text.matchAll(/^# TYPE (\S+)/gm)) declared.add(name)
  }
  for (const expr of [...alerts.map((one) => one.expr), ...queries]) {
    for (const [name] of expr.matchAll(/\b(stanflow|process|nodejs|kube|DCGM)_\w+\b/g)) {
      const family = name.replace(/_(bucket|sum|count)$/, '')
      const isKnown = declared.has(name) || declared.has(family) || OTHERS.test(name)
      assert.ok(isKnown, `nobody tells ${name}, which is asked for by ${expr}`)
    }
  }

  interface Group {
    readonly rules: readonly {
      readonly name: string
      readonly health: string
      readonly state: string
      readonly lastError?: string
    }[]
  }
  const state = async (): Promise<Map<string, Group['rules'][number]>> => {
    const { groups } = await ask<{ groups: readonly Group[] }>('rules?type=alert')
    return new Map(groups.flatMap((group) => group.rules.map((rule) => [rule.name, rule] as const)))
  }
  let told = await state()
  const wrong = ['StanflowDeadLetters', 'StanflowCameraDown', 'StanflowNotReady', 'StanflowUnreachable']
  await until(
    'alerts',
    async () => {
      alive()
      told = await state()
      const unknown = [...told.values()].filter(({ health }) => health !== 'ok')
      const unseen = wrong.filter((name) => !['pending', 'firing'].includes(told.get(name)?.state ?? ''))
      const isFiring = told.get('StanflowDeadLetters')?.state === 'firing'
      return unknown.length + unseen.length + (isFiring ? 0 : 1)
    },
    () =>
      JSON.stringify(
        [...told.values()].map(({ name, health, state: now, lastError }) => ({
          name,
          health,
          now,
          lastError,
        })),
      ),
  )
  assert.deepEqual([...told.keys()].sort(), alerts.map(({ alert }) => alert).sort())
  t.diagnostic(
    `${queries.length - without.length} queries gave data, ${without.length} cannot here: ${WITHOUT.map(({ why }) => why).join('; ')}`,
  )
})
