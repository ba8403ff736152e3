import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { shardByDraw } from '../../pipelines/selection.js'
import { renderVideo } from '../../src/media/encode.js'
import { folderWith } from '../config/folder.js'
import { cli, start } from '../support/cli.js'
import { eventually } from '../support/ingest.js'
import { query } from '../support/query.js'

const LABELS = ['--labels', 'a red square, a blue circle']

async function withVideo(t: TestContext, seconds = 6): Promise<string> {
  const folder = await folderWith(t)
  await renderVideo(join(folder, 'door.mp4'), {
    ...{ codec: 'h264', filter: `testsrc2=size=192x144:rate=10:duration=${seconds}` },
  })
  return folder
}

test('a file at its own speed to lines: no server, nothing to set up, and an end', async (t) => {
  const folder = await withVideo(t)
  const before = Date.now() / 1000
  const { code, stdout, stderr } = await cli(
    ['ingest', 'door.mp4', '--to', '-', '--window', '2s', ...LABELS],
    { cwd: folder },
  )
  assert.equal(code, 0, stderr)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual([lines[0]?.type, lines[0]?.kind, lines[0]?.source], ['event', 'camera-up', 'camera:door'])
  const clips = lines.filter(({ type }) => type === 'clip') as {
    start: number
    end: number
    labels: unknown[]
  }[]
  assert.ok(clips.length >= 6, stdout)
  for (const { start, end, labels } of clips) {
    assert.ok(start > before - 1 && end < Date.now() / 1000 && labels.length === 2)
  }
  assert.match(stderr, /door +\d+ +(\d+) +\1 +0/)
})

test('to a folder: Parquet beside events, and a second run goes on after the first', async (t) => {
  const folder = await withVideo(t)
  const args = ['ingest', 'door.mp4', '--to', 'out', '--window', '2s', '--json', ...LABELS]
  const summaries = [await cli(args, { cwd: folder }), await cli(args, { cwd: folder })].map(
    ({ code, stdout, stderr }) => {
      assert.equal(code, 0, stderr)
      return JSON.parse(stdout) as { cameras: { delivered: number }[] }
    },
  )
  const delivered = summaries.reduce((sum, { cameras }) => sum + (cameras[0]?.delivered ?? 0), 0)
  const rows = await query(
    `select count(*)::int as clips, count(distinct clip_id)::int as ids, max(clip_index)::int as last, any_value(source) as source,
     min("end" - start) as length from '${join(folder, 'out/embeddings/**/*.parquet')}'`,
  )
  assert.deepEqual(rows, [
    { clips: delivered, ids: delivered, last: delivered - 1, source: 'camera:door', length: rows[0]?.length },
  ])
  const [labelled] = await query(
    `select count(distinct clip_id)::int as clips from '${join(folder, 'out/labels/**/*.parquet')}'`,
  )
  assert.deepEqual(labelled, { clips: delivered })
  const events = await query(`select kind from read_json('${join(folder, 'out/events/**/*.jsonl')}')`)
  assert.deepEqual(events, [{ kind: 'camera-up' }, { kind: 'camera-up' }])
})

test('shards part the cameras among them; one whose share is empty waits for cameras', async (t) => {
  const folder = await withVideo(t, 2)
  const ids = ['hall', 'yard', 'door', 'roof']
  const cameras = ids.map((id) => ({ id, url: 'door.mp4', window: '1s' }))
  await writeFile(join(folder, 'cameras.yaml'), JSON.stringify({ cameras }))
  const taken: string[] = []
  for (const shard of ['0/2', '1/2']) {
    const { code, stdout, stderr } = await cli(
      ['ingest', '--cameras', 'cameras.yaml', '--to', 'out', '--shard', shard, '--json', ...LABELS],
      { cwd: folder },
    )
    assert.equal(code, 0, stderr)
    taken.push(...(JSON.parse(stdout) as { cameras: { camera: string }[] }).cameras.map((one) => one.camera))
  }
  assert.deepEqual([...taken].sort(), [...ids].sort())

  const busy = ids.map((id) => shardByDraw(id, 9))
  const idle = [0, 1, 2, 3, 4].find((index) => !busy.includes(index))
  const { child, finished } = start(
    ['ingest', '--cameras', 'cameras.yaml', '--to', '-', '--shard', `${idle}/9`, ...LABELS],
    { cwd: folder },
  )
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await eventually(
    () => said.includes('"msg":"ready"') || child.exitCode !== null,
    60,
    () => said,
  )
  child.kill('SIGTERM')
  const { code, stderr } = await finished
  assert.equal(code, 0, stderr)
  assert.match(stderr, /0 cameras/)
})

test('cameras come, go and change as their file does; one that is not understood changes nothing', async (t) => {
  const folder = await withVideo(t, 20)
  const file = join(folder, 'cameras.yaml')
  const cameras = (...list: readonly object[]): Promise<void> =>
    writeFile(file, JSON.stringify({ window: '1s', stride: '500ms', loop: true, cameras: list }))
  const [a, b] = [
    { id: 'a', url: 'door.mp4' },
    { id: 'b', url: 'door.mp4' },
  ]
  await cameras(a, b)
  const running = start(['ingest', '--cameras', file, '--to', '-'], { cwd: folder })
  let [out, said] = ['', '']
  running.child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  running.child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ups = (id: string): number =>
    out.split('\n').filter((line) => line.includes(`"camera:${id}"`) && line.includes('camera-up')).length
  const told = (text: RegExp, seconds = 90): Promise<void> =>
    eventually(
      () => text.test(said),
      seconds,
      () => said,
    )
  try {
    await eventually(
      () => ups('a') === 1 && ups('b') === 1,
      60,
      () => said,
    )
    await writeFile(file, 'cameras: [{id: a, ur')
    await told(/cameras stay as they are/)
    await cameras(a, { ...b, rules: [{ name: 'red', label: 'a red square', threshold: 0.5 }] })
    await told(/Camera b has rules, but no labels.*cameras stay as they are/)
    await cameras(a, { ...b, fps: 4 }, { id: 'c', url: 'door.mp4' })
    await eventually(
      () => ups('b') === 2 && ups('c') === 1,
      90,
      () => said,
    )
    await cameras(a)
    await told(/"camera":"c".*"msg":"camera let go"/)
    await sleep(500)
    assert.equal(ups('a'), 1)
  } finally {
    running.child.kill('SIGTERM')
  }
  const { code, stderr } = await running.finished
  assert.equal(code, 0, stderr)
})

test('what cannot be is said at once', async (t) => {
  const folder = await withVideo(t, 1)
  const wrong = async (args: readonly string[], pattern: RegExp): Promise<void> => {
    const { code, stderr } = await cli(['ingest', ...args], { cwd: folder })
    assert.notEqual(code, 0)
    assert.match(stderr, pattern)
  }
  await wrong(['door.mp4'], /--to/)
  await wrong(['--to', '-'], /--cameras/)
  await wrong(['door.mp4', '--to', 'out', '--split'], /--split/)
  await wrong(
    ['door.mp4', '--to', '-', '--hwaccel', 'videotoolbox'],
    /videotoolbox; it knows (?!acceleration)/,
  )
  await wrong(
    ['door.mp4', '--to', '-', '--hwaccel', 'vaapi', '--hwaccel-device', '/dev/null'],
    /HWACCEL_UNFIT/,
  )
  assert.ok(!(await readdir(folder)).includes('out'))
})
