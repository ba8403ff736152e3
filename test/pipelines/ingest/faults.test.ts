import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CameraSettings } from '../../../pipelines/ingest.js'
import { parseAddress } from '../../../src/media/live/address.js'
import { TestCamera } from '../../support/camera.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'

const PASSWORD = 's3cret/@:x'
/** Short windows, so that a recovery shows soon. */
const QUICK: Pick<CameraSettings, 'windows' | 'fps' | 'silence'> = {
  ...{ windows: [{ kind: 'window', frames: 12, length: 2, stride: 0.5 }], fps: 6, silence: 2 },
}
const USER = `viewer:${PASSWORD}`

/** One camera is well all the time; the other meets with everything. */
let [steady, victim, lossy]: readonly (TestCamera | undefined)[] = []
let running: RunningIngest

before(async () => {
  ;[steady, victim, lossy] = await Promise.all([
    TestCamera.start({ size: '320x180', rate: 10 }),
    TestCamera.start({ size: '320x180', rate: 10, user: USER }),
    TestCamera.start({ size: '320x180', rate: 10 }),
  ])
  const address = { ...parseAddress(the(victim).url), username: 'viewer', password: PASSWORD }
  running = new RunningIngest(
    ingestOptions([
      camera('steady', the(steady).url, QUICK),
      camera('victim', the(victim).url, { ...QUICK, address }),
      camera('lossy', the(lossy).url, { ...QUICK, transport: 'udp' }),
    ]),
  )
  await eventually(
    () => ['steady', 'victim', 'lossy'].every((id) => running.clipsOf(id).length > 0),
    60,
    () => running.said.join(''),
  )
})

after(async () => {
  await running?.stop()
  await Promise.all([steady, victim, lossy].map((one) => one?.stop()))
})

function the<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}

/** Waits until the victim has been away and is back, with a clip to show for it; checks what was said of that. */
async function recovers(code: RegExp, seconds = 40): Promise<void> {
  const [gaps, ups, clips] = [
    running.eventsOf('victim', 'camera-gap'),
    running.eventsOf('victim', 'camera-up'),
    running.clipsOf('victim'),
  ]
  const isBack = (): boolean =>
    running.eventsOf('victim', 'camera-up').length > ups.length &&
    running.clipsOf('victim').length > clips.length + 1
  await eventually(isBack, seconds, () => running.said.slice(-8).join(''))
  const gap = the(running.eventsOf('victim', 'camera-gap')[gaps.length])
  const down = the(
    running.eventsOf('victim', 'camera-down').findLast(({ episode_id }) => episode_id === gap.episode_id),
  )
  assert.match(the(down.code ?? undefined), code)
  // What the pictures themselves say of the time in which there were none.
  const shown = the(running.shown.get('victim'))
  const last = the(shown.findLast(({ time }) => time <= gap.start))
  const first = the(shown.find(({ time }) => time >= the(gap.end ?? undefined)))
  assert.ok(Math.abs(last.spelled - gap.start) < 1, `began ${gap.start}, last picture ${last.spelled}`)
  assert.ok(Math.abs(first.spelled - (gap.end ?? 0)) < 1, `ended ${gap.end}, first picture ${first.spelled}`)
  assert.ok(!shown.some(({ time }) => time > gap.start && time < (gap.end ?? 0)), 'pictures within the gap')
}

test('a camera that is killed', async () => {
  await the(victim).kill()
  await sleep(1500)
  const back = recovers(/CAMERA_(ENDED|UNREACHABLE)/)
  await the(victim).restart()
  await back
})

test('a camera that hangs', async () => {
  the(victim).hang()
  await eventually(
    () => running.eventsOf('victim').at(-1)?.kind === 'camera-down',
    90,
    () => 'no camera-down',
  )
  const back = recovers(/CAMERA_SILENT/)
  the(victim).wake()
  await back
})

test('a camera that answers 401', async () => {
  await the(victim).tell('user viewer:another')
  await eventually(
    () => running.eventsOf('victim').at(-1)?.code === 'CAMERA_AUTH',
    90,
    () => running.said.slice(-5).join(''),
  )
  const back = recovers(/CAMERA_(AUTH|ENDED)/)
  await the(victim).tell(`user ${USER}`)
  await back
})

test('a camera that changes its resolution needs no new connection', async () => {
  const [downs, clips] = [running.eventsOf('victim', 'camera-down').length, running.clipsOf('victim').length]
  await the(victim).tell('size 256x192')
  await eventually(
    () => running.clipsOf('victim').length >= clips + 6,
    90,
    () => running.said.slice(-5).join(''),
  )
  assert.equal(running.eventsOf('victim', 'camera-down').length, downs)
})

test('a camera that changes its codec', async () => {
  const back = recovers(/CAMERA_ENDED/)
  await the(victim).tell('codec h265')
  await back
})

test('a camera that sends garbage', async () => {
  const clips = running.clipsOf('victim').length
  await the(victim).tell('garbage 0.2')
  await sleep(1500)
  await the(victim).tell('garbage 0')
  /** A machine that is slow is so with every camera: the other one says what is new. */
  const newest = (): number => running.shown.get('steady')?.at(-1)?.time ?? Number.POSITIVE_INFINITY
  const isWell = (): boolean => {
    const { spelled = 0, time = 0 } = running.shown.get('victim')?.at(-1) ?? {}
    return (
      running.clipsOf('victim').length >= clips + 4 && Math.abs(spelled - time) < 1 && time > newest() - 2
    )
  }
  await eventually(isWell, 90, () => running.said.slice(-8).join(''))
})

test('a camera whose timestamps jump back', async () => {
  await sleep(3000)
  const back = recovers(/CAMERA_(CLOCK|SILENT)/)
  await the(victim).tell('jump -2')
  await back
})

test('a fifth of the packets lost, over UDP', async () => {
  const before = running.clipsOf('lossy').length
  await the(lossy).tell('loss 0.2')
  await eventually(
    () => running.clipsOf('lossy').length >= before + 5,
    60,
    () => running.said.slice(-8).join(''),
  )
  await the(lossy).tell('loss 0')
})

test('nobody else noticed, every clip is accounted for, and the password is nowhere', async () => {
  const commands: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.includes('ffmpeg')) commands.push(line)
  }
  assert.ok(
    commands.some((line) => line.includes('concat')),
    'no camera is being played',
  )
  const indices = running.clipsOf('steady').map(({ clip_index }) => clip_index)
  const { cameras } = await running.stop()
  for (const [n, index] of indices.entries()) assert.equal(index, the(indices[0]) + n)
  assert.deepEqual(
    running.eventsOf('steady').map(({ kind, code, detail }) => [kind, code, detail]),
    [['camera-up', null, null]],
  )
  for (const { cut, delivered, dropped, still } of cameras) assert.equal(cut, delivered + dropped + still)
  for (const { camera: id, delivered } of cameras) assert.equal(running.clipsOf(id).length, delivered)
  const ids = running.clips.map(({ clip_id }) => clip_id)
  assert.equal(new Set(ids).size, ids.length)
  const said = [
    ...running.said,
    ...running.events.map((event) => JSON.stringify(event)),
    await running.metrics.registry.metrics(),
    ...commands,
  ]
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) {
    assert.ok(!said.some((text) => text.includes(secret)), 'the password shows')
  }
})
