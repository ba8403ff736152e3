import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderVideo } from '../../src/media/encode.js'
import { freePort } from '../support/child.js'
import { cli, start } from '../support/cli.js'

/** A folder with a short video, one that is none, and one with more clips than a test waits for. */
async function archive(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-watched-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const videos = join(dir, 'videos')
  await mkdir(videos)
  const filter = (seconds: number) => `testsrc2=size=96x72:rate=1:duration=${seconds}`
  await renderVideo(join(videos, 'a.mp4'), { codec: 'h264', filter: filter(4) })
  await writeFile(join(videos, 'b.mp4'), Buffer.alloc(5000, 7))
  await renderVideo(join(videos, 'c.mp4'), { codec: 'h264', filter: filter(900) })
  return dir
}

test('a backfill tells Prometheus how far it is and what it gave up, says when it is ready, and stops in order', async (t) => {
  const dir = await archive(t)
  const port = await freePort()
  const at = `http://127.0.0.1:${port}`
  const { child, finished } = start([
    ...['backfill', join(dir, 'videos'), '--to', join(dir, 'out'), '--listen', `127.0.0.1:${port}`],
    ...['--sample', 'window', '--window', '2s', '--stride', '0.02s', '--json'],
  ])
  t.after(() => child.kill('SIGKILL'))
  const figures = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await fetch(`${at}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    )
    return new Map(
      [...text.matchAll(/^(stanflow_\S+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
    )
  }
  const videos = (outcome: string) => `stanflow_videos_total{outcome="${outcome}",command="backfill"}`
  const own = (name: string, labels = '') => `${name}{${labels}command="backfill"}`
  let told = await figures()
  while (!told.has(videos('done')) || !told.has(videos('failed'))) {
    assert.equal(child.exitCode, null, 'it ended before it was looked at')
    await sleep(100)
    told = await figures()
  }
  assert.deepEqual([told.get(videos('done')), told.get(videos('failed'))], [1, 1])
  assert.equal(told.get(own('stanflow_dead_letters_total', 'code="MEDIA_NOT_VIDEO",')), 1)
  assert.equal(told.get(own('stanflow_videos_found')), 3)
  assert.ok((told.get(own('stanflow_batch_clips_sum')) ?? 0) > 0)
  assert.ok((told.get(own('stanflow_disk_free_bytes', `folder="${join(dir, 'out')}",`)) ?? 0) > 0)
  assert.equal(told.get(own('stanflow_ready')), 1)
  assert.equal((await fetch(`${at}/readyz`)).status, 200)

  child.kill('SIGTERM')
  const { code, stdout, stderr } = await finished
  assert.equal(code, 0, stderr)
  const { drained, done, failed } = JSON.parse(stdout)
  assert.deepEqual({ drained, done, failed }, { drained: true, done: 1, failed: 1 })
  assert.match(stderr, new RegExp(`^{"event":"serving","address":"127.0.0.1:${port}"}$`, 'm'))
})

test('a port that another process has ends a backfill before it begins, with a hint', async (t) => {
  const dir = await archive(t)
  const port = await freePort()
  const first = start(['backfill', join(dir, 'videos'), '--to', join(dir, 'out'), '--listen', `:${port}`])
  t.after(() => first.child.kill('SIGKILL'))
  while ((await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined)) === undefined) {
    assert.equal(first.child.exitCode, null)
    await sleep(100)
  }
  const { code, stderr } = await cli([
    'backfill',
    join(dir, 'videos/a.mp4'),
    '--to',
    join(dir, 'two'),
    '--listen',
    `:${port}`,
  ])
  assert.equal(code, 2)
  assert.match(stderr, /CONFIG_INVALID[\s\S]*choose another with --listen/)
})
