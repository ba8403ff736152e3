import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { takeLock } from '../../../src/connect/files/lock.js'
import { makeFolder } from '../../../src/disk/folder.js'
import { StanflowError } from '../../../src/errors.js'
import { smallDisk } from '../../support/small-disk.js'
import { clips, inFolder, open, sql, store, stored, tree, video } from './support.js'
import { clipsIn, contentIn, nameOf, VIDEOS } from './writer.js'

const run = promisify(execFile)
const WRITER = fileURLToPath(new URL('writer.js', import.meta.url))
const LOCK = '.stanflow.lock'

/** Starts the writer and waits until it has opened the folder. */
async function begin(mode: string, dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [WRITER, mode, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

/** Runs `test` beside a writer, which ends with it. */
async function beside(mode: string, dir: string, test: (child: ChildProcess) => Promise<void>) {
  const child = await begin(mode, dir)
  try {
    await test(child)
  } finally {
    await kill(child)
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

const temporary = async (dir: string) => (await tree(dir)).filter((path) => path.includes('.tmp-'))

test('killed at 20 moments while it writes and rewrites: every stored clip is there exactly once', () =>
  inFolder(async (dir) => {
    for (let i = 0; i < 20; i += 1) {
      await beside('loop', dir, () => sleep((i * 37) % 170))
      const results = await open(dir)
      const rows = await sql(
        dir,
        "select source, clip_id from '$dir/embeddings/**/*.parquet' order by source, clip_index",
      ).catch(() => [])
      let claimed = 0
      for (let v = 0; v < VIDEOS; v += 1) {
        const ids = rows.filter((row) => row.source === nameOf(v)).map((row) => row.clip_id)
        const versions = Array.from({ length: 200 }, (_, round) => video(nameOf(v), contentIn(v, round)))
        const current = versions.find((version) => results.progress(version).clips > 0)
        const expected = current === undefined ? [] : clips(current, 0, results.progress(current).clips)
        assert.deepEqual(
          ids,
          expected.map((clip) => clip.clipId),
        )
        if (current !== undefined) {
          const { clips: count, done } = results.progress(current)
          assert.ok(done ? count === clipsIn(v) : count <= clipsIn(v))
        }
        claimed += expected.length
      }
      await results.close()
      const labels = await sql(
        dir,
        "select count(*)::INT as n, count(distinct (clip_id, rank))::INT as d from '$dir/labels/**/*.parquet'",
      ).catch(() => [{ n: 0, d: 0 }])
      assert.deepEqual(labels, [{ n: 3 * claimed, d: 3 * claimed }])
      assert.deepEqual(await temporary(dir), [])
    }
  }))

test('a folder that a live process writes to is refused, naming it; a dead process holds nothing', () =>
  inFolder(async (dir) => {
    await beside('hold', dir, (child) =>
      assert.rejects(open(dir), (error) => {
        assert.ok(error instanceof StanflowError)
        assert.equal(error.code, 'OUTPUT_LOCKED')
        assert.match(error.message, new RegExp(`Process ${child.pid} .* since \\d{4}-`))
        return true
      }),
    )
    const results = await open(dir)
    await store(results, video('a.mp4'), 1)
    await results.close()
    assert.ok(!(await tree(dir)).includes(LOCK))
  }))

test('a lock whose number another process has by now, or that was cut short, is taken over', () =>
  inFolder(async (dir) => {
    const holder = { id: 'x', pid: process.pid, host: hostname(), started: 'another boot:1', since: '2020' }
    await writeFile(join(dir, LOCK), JSON.stringify(holder))
    await (await open(dir)).close()
    await writeFile(join(dir, LOCK), '{"pid": 1')
    await (await open(dir)).close()
    assert.ok(!(await tree(dir)).includes(LOCK))
  }))

test('a lock of another machine holds while it is touched', () =>
  inFolder(async (dir) => {
    const holder = { id: 'x', pid: 7, host: 'elsewhere', started: '', since: '2020-01-01T00:00:00.000Z' }
    await writeFile(join(dir, LOCK), JSON.stringify(holder))
    await assert.rejects(open(dir), /Process 7 on elsewhere has been writing to this folder since 2020/)
    const longAgo = new Date(Date.now() - 660_000)
    await utimes(join(dir, LOCK), longAgo, longAgo)
    await (await open(dir)).close()
  }))

test('a lock of another container that has the same host name holds while it is touched', () =>
  inFolder(async (dir) => {
    const holder = { id: 'x', pid: 7, host: hostname(), world: 'pid:[1] a', started: 'a:1', since: '2020' }
    await writeFile(join(dir, LOCK), JSON.stringify(holder))
    await assert.rejects(open(dir), /Process 7 in another container called .* has been writing/)
    const longAgo = new Date(Date.now() - 660_000)
    await utimes(join(dir, LOCK), longAgo, longAgo)
    await (await open(dir)).close()
  }))

test(
  'a folder that cannot be made, as in /proc, is refused at once',
  { skip: !existsSync('/proc/self') },
  () => assert.rejects(open('/proc/stanflow/out'), /Cannot write \/proc\/stanflow\/out/),
)

test('a folder that many make at once is there for each of them', () =>
  inFolder(async (dir) => {
    for (let round = 0; round < 200; round++) {
      const leaf = (n: number): string => join(dir, `${round}/a/b/c/d=${n % 2}/e/f`)
      await Promise.all([0, 1, 2, 3].map((n) => makeFolder(leaf(n))))
    }
  }))

test('of eight runs that meet a dead lock at once, each stores or is refused, and nothing is doubled', () =>
  inFolder(async (dir) => {
    await beside('hold', dir, async () => {})
    const runs = await Promise.all(
      Array.from({ length: 8 }, () => run(process.execPath, [WRITER, 'once', dir])),
    )
    const outcomes = new Set(runs.map(({ stdout }) => stdout))
    assert.ok(outcomes.has('stored'))
    outcomes.delete('stored')
    outcomes.delete('OUTPUT_LOCKED')
    assert.deepEqual([...outcomes], [], runs.map(({ stderr }) => stderr).join('\n'))
    assert.deepEqual(await stored(dir), { 'one.mp4': [0] })
  }))

test('of eight that find a dead lock at the same moment one takes it, whatever a killed one has left', () =>
  inFolder(async (dir) => {
    const path = join(dir, LOCK)
    for (let round = 0; round < 100; round++) {
      const dead = {
        id: `${round}`,
        pid: process.pid,
        host: hostname(),
        started: 'another boot:1',
        since: '2020',
      }
      await writeFile(path, JSON.stringify(dead))
      if (round % 10 === 0) {
        await writeFile(`${path}.turn`, '')
        const longAgo = new Date(Date.now() - 60_000)
        await utimes(`${path}.turn`, longAgo, longAgo)
      }
      const taking = Array.from({ length: 8 }, async (_, n) => {
        await sleep(n % 4)
        return takeLock(path, 'run')
      })
      const outcomes = await Promise.allSettled(taking)
      const taken = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      assert.equal(taken.length, 1)
      for (const one of outcomes)
        if (one.status === 'rejected') assert.equal(one.reason.code, 'OUTPUT_LOCKED')
      await taken[0]?.assertHeld()
      await taken[0]?.release()
      assert.deepEqual(await tree(dir), [])
    }
  }))

test('a run whose folder was taken over stops instead of writing', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await rm(join(dir, LOCK))
    const second = await open(dir)
    await store(second, video('a.mp4'), 1)
    await store(first, video('b.mp4'), 1)
    await assert.rejects(first.checkpoint(), { code: 'OUTPUT_LOCKED' })
    await assert.rejects(first.write(video('b.mp4'), []), { code: 'OUTPUT_LOCKED' })
    await assert.rejects(first.close(), { code: 'OUTPUT_LOCKED' })
    await second.close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0] })
  }))

test('files larger than the user may write end the run with OUTPUT_FULL, and nothing half is left', () =>
  inFolder(async (dir) => {
    const limited = `ulimit -f 24; exec "$0" "$@"`
    const { stdout } = await run('sh', ['-c', limited, process.execPath, WRITER, 'fill', dir])
    assert.equal(stdout, 'OUTPUT_FULL')
    assert.deepEqual(await temporary(dir), [])
    assert.ok(!(await tree(dir)).some((path) => path.startsWith('embeddings') || path === LOCK))
  }))

test('a full disk ends the run with OUTPUT_FULL; with room again the next run goes on', async (t) => {
  const disk = await smallDisk(t, '400k')
  if (disk === undefined) return
  const { dir } = disk
  const { stdout } = await run(process.execPath, [WRITER, 'fill', dir])
  assert.equal(stdout, 'OUTPUT_FULL')
  assert.deepEqual(await temporary(dir), [])
  const before = await stored(dir)
  assert.ok(Object.keys(before).length > 0)
  assert.ok(Object.values(before).every((indices) => indices.length === 200))
  await disk.resize('4m')
  const results = await open(dir)
  assert.equal(results.progress(video(nameOf(0))).done, true)
  await store(results, video('later.mp4'), 200)
  await results.close()
  assert.deepEqual(await stored(dir), {
    ...before,
    'later.mp4': Array.from({ length: 200 }, (_, i) => i),
  })
})

test('leftovers of a killed run go at the next open; files that stanflow did not name stay', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await store(first, video('a.mp4'), 1)
    await first.close()
    const embeddings = (await tree(dir)).filter((path) => /^embeddings/.test(path))
    const folder = join(dir, embeddings[0] ?? '', '..')
    const bytes = await readFile(join(dir, embeddings[0] ?? ''))
    await writeFile(join(folder, '20990101T000000000Z-00000000-000001.parquet'), bytes)
    await writeFile(join(folder, '.tmp-000000000000-x.parquet'), bytes.subarray(0, 9))
    await writeFile(join(dir, '.tmp-000000000000-dead-letter.jsonl'), '')
    await writeFile(join(folder, 'mine.txt'), 'kept')
    const second = await open(dir)
    assert.equal(second.opened.leftoversRemoved, 3)
    await second.close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0] })
    assert.ok((await stat(join(folder, 'mine.txt'))).isFile())
    assert.deepEqual(await temporary(dir), [])
  }))

test('a folder that may not be written to is said so', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('giving a child process another user needs root')
    return
  }
  await inFolder(async (dir) => {
    const { stdout } = await run(process.execPath, [WRITER, 'once', dir], { uid: 65534, gid: 65534 })
    assert.equal(stdout, 'OUTPUT_PERMISSION')
  })
})
