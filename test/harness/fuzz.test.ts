import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCameras } from '../../src/config/cameras.js'
import { resolveConfig } from '../../src/config/resolve.js'
import { readRuleSettings } from '../../src/config/rules.js'
import { StanflowError } from '../../src/errors.js'
import { parseClipConfig } from '../../src/model/config.js'
import { sharedRegistry } from '../support/kafka.js'
import { type DoorReport, type DoorRun, isClean, type PlantedFault } from './fuzz/door.js'
import { DOORS } from './fuzz/doors.js'

const run = (name: string, mutants: number, more: Partial<DoorRun> = {}): Promise<DoorReport> => {
  const door = DOORS.find((one) => one.name === name)
  assert.ok(door, name)
  return door.run({ mutants, seed: 1, say: () => undefined, ...more })
}

for (const name of ['safetensors', 'pickle', 'stanflow', 'cameras', 'calibration']) {
  test(`mutants of ${name}: no crash, no hang, no error without a code, neighbours unharmed`, async () => {
    const report = await run(name, 20)
    assert.ok(isClean(report), report.findings.join('\n'))
    assert.ok(report.refused > 0, 'some were refused')
  })
}

for (const name of ['avro: clip', 'avro: label', 'avro: writer schemas']) {
  test(`mutants of ${name}, with a real registry: no crash, no hang, no error without a code`, async () => {
    const report = await run(name, 20, { registry: await sharedRegistry() })
    assert.ok(isClean(report), report.findings.join('\n'))
    assert.ok(report.refused > 0, 'some were refused')
  })
}

test('mutants of what an RTSP camera answers: a real ingest, and its good camera, do not mind', async () => {
  const report = await run('rtsp', 5)
  assert.ok(isClean(report), report.findings.join('\n'))
  assert.equal(report.taken + report.refused, 5)
})

test('hostile requests to a real server: each is answered, and good ones between them as before', async () => {
  const report = await run('http api', 40)
  assert.ok(isClean(report), report.findings.join('\n'))
  assert.equal(report.taken + report.refused, 40)
})

/** What each planted fault has to show up as. */
const SEEN: Readonly<Record<PlantedFault, (report: DoorReport) => boolean>> = {
  crash: ({ crashes }) => crashes > 0,
  hang: ({ hangs }) => hangs > 0,
  memory: ({ worstMiB, mostMiB }) => worstMiB > mostMiB,
  unnamed: ({ unnamed }) => unnamed > 0,
  neighbour: ({ neighboursLost }) => neighboursLost > 0,
}

// A hang is waited for, so one of it is enough, in the command: `npm run harness:fuzz -- --plant hang`.
for (const planted of ['crash', 'unnamed', 'neighbour'] as const) {
  test(`a planted fault is found: ${planted}`, async () => {
    const report = await run('calibration', planted === 'neighbour' ? 40 : 6, { planted })
    assert.ok(!isClean(report))
    assert.ok(SEEN[planted](report), JSON.stringify({ ...report, findings: [] }))
  })
}

for (const planted of ['crash', 'memory', 'unnamed', 'neighbour'] as const) {
  test(`a fault planted in the server is found: ${planted}`, async () => {
    const report = await run('http api', 12, { planted })
    assert.ok(SEEN[planted](report), JSON.stringify(report))
  })
}

test('an ingest that is killed amid hostile cameras is found', async () => {
  const report = await run('rtsp', 1, { planted: 'crash' })
  assert.ok(SEEN.crash(report), JSON.stringify(report))
})

test('what mutants found stays found', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stanflow-found-'))
  const isRefused = (error: unknown): boolean =>
    error instanceof StanflowError && error.code === 'CONFIG_INVALID'
  try {
    const path = join(folder, 'x.yaml')
    const nine = (name: string): string => `[${Array(9).fill(`*${name}`).join(',')}]`
    // Aliases of aliases were an error without a code.
    await writeFile(path, `a: &a [x]\nb: &b ${nine('a')}\nc: &c ${nine('b')}\nlabels: ${nine('c')}\n`)
    await assert.rejects(resolveConfig({ flags: {}, env: {}, cwd: folder, file: path }), isRefused)
    await assert.rejects(readCameras(path, {} as never), isRefused)
    // 50,000 keys took a minute: the YAML library compares each with all before it.
    await writeFile(path, Array.from({ length: 50_000 }, (_, n) => `key${n}: ${n}`).join('\n'))
    await assert.rejects(resolveConfig({ flags: {}, env: {}, cwd: folder, file: path }), isRefused)
    await assert.rejects(readRuleSettings(path), isRefused)
    // And two of one name are refused still.
    await writeFile(path, 'batch: 1\nbatch: 2\n')
    await assert.rejects(
      resolveConfig({ flags: {}, env: {}, cwd: folder, file: path }),
      /2: Map keys must be unique/,
    )
    // A thousand million layers were listed one by one.
    assert.throws(
      () => parseClipConfig({ vision_config: { num_hidden_layers: 1e9 } }, 'config.json'),
      StanflowError,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
